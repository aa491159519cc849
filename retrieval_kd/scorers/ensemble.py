"""Several teachers as one: the mean of their scores, each brought to one scale."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.tokens import Tokenisation
from retrieval_kd.encoders.encoder import Encoded, TextEncoder
from retrieval_kd.encoders.unpadded import Reading, Tensors
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.pools import Share
from retrieval_kd.scorers.scorer import Kind, Scorer
from retrieval_kd.scorers.view import View, Want, wanted


def standardised(
    scores: Float[Tensor, "member query candidate"], known: Bool[Tensor, "query candidate"]
) -> Float[Tensor, "member query candidate"]:
    """(s - mean) / sd over each query's known candidates, sd of the population; 0 where all are equal, or unknown."""
    count = known.sum(-1, keepdim=True).clamp(min=1)
    mean = scores.where(known, 0.0).sum(-1, keepdim=True) / count
    apart = (scores - mean).where(known, 0.0)
    sd = (apart.square().sum(-1, keepdim=True) / count).sqrt()
    highest = scores.where(known, -torch.inf).amax(-1, keepdim=True)
    lowest = scores.where(known, torch.inf).amin(-1, keepdim=True)
    return (apart / sd).where(highest > lowest, 0.0)  # (of equal scores rounding may leave an sd above 0)


class Ensemble(Scorer):
    """s(q, p) = scale · Σ_m w_m z_m(q, p) / Σ_m w_m, z_m the scores of member m standardised over the query's present
    candidates.

    `weights` are by member, null for equal ones. A candidate that lacks one member's score (a stored one's) has none
    and is not counted by the others. Members are frozen: it is a guide and never a learner. Raises UserError for
    weights of others than the members, below 0, or all 0.

    Source: the mean of several teachers' scores, Hofstätter et al. (2020), arXiv 2010.02666. Differs: each is
    standardised first, since members of different kinds score on different scales.
    """

    kind: ClassVar[str] = "ensemble"
    offers: ClassVar[frozenset[str]] = frozenset({"scores"})
    teachable: ClassVar[bool] = False

    def __init__(self, *, members: Mapping[str, Scorer], weights: Mapping[str, float] | None, scale: float) -> None:
        super().__init__()
        by_member = dict.fromkeys(members, 1.0) if weights is None else dict(weights)
        if set(by_member) != set(members) or min(by_member.values(), default=0.0) < 0 or sum(by_member.values()) <= 0:
            raise UserError(
                f"weights={weights}: give one from 0 on for each of {', '.join(members) or 'no member'}, not all 0, "
                "or null"
            )
        self.members = nn.ModuleDict(members)
        self.weights, self.scale = {name: by_member[name] for name in members}, scale

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why: a member's scores are standardised over each query's candidates."""
        why = f"each member's scores are standardised; give {at}.weights"
        return {
            f"members.{name}.{key}": why for name in node["members"] for key in ("scale", "average", "attention_layer")
        }

    def member(self, name: str) -> Scorer:
        """One of its scorers."""
        scorer = self.members[name]
        assert isinstance(scorer, Scorer)
        return scorer

    def written(self, kind: Kind) -> Tokenisation | None:
        name, _, of_member = kind.partition(".")
        return self.member(name).written(of_member) if of_member else None

    def tokenisations(self) -> tuple[Tokenisation, ...]:
        forms = (form for name in self.members for form in self.member(name).tokenisations())
        return tuple(dict.fromkeys(forms))

    def encoder_of(self, kind: Kind) -> TextEncoder:
        name, _, of_member = kind.partition(".")
        if not of_member:
            raise ValueError(
                f"an ensemble reads no {kind} itself: give a member's, such as {next(iter(self.weights))}.{kind}"
            )
        return self.member(name).encoder_of(of_member)

    def weights_digest(self, kind: Kind) -> str:
        name, _, of_member = kind.partition(".")
        return self.member(name).weights_digest(of_member)

    def cacheable(self, kind: Kind, wants: frozenset[Want]) -> str | None:
        name, _, of_member = kind.partition(".")
        return self.member(name).cacheable(of_member, wants)

    def readings(self, batch: Candidates) -> Mapping[Kind, Reading]:
        return {
            f"{name}.{kind}": reading
            for name in self.members
            for kind, reading in self.member(name).readings(batch).items()
        }

    def project(self, encoded: Encoded, kind: Kind, wants: frozenset[Want]) -> Tensors:
        name, _, of_member = kind.partition(".")
        return self.member(name).project(encoded, of_member, wants)

    def score(self, projected: Mapping[Kind, Tensors], batch: Candidates, wants: frozenset[Want], share: Share) -> View:
        by_member = []
        for name in self.members:
            own = {
                kind.removeprefix(f"{name}."): value for kind, value in projected.items() if kind.startswith(f"{name}.")
            }
            by_member.append(wanted(self.member(name).score(own, batch, wants, share).scores, "scores"))
        scores, present = torch.stack(by_member), batch.present[batch.rows]
        known = present & ~scores.isnan().any(0)
        weights = scores.new_tensor(list(self.weights.values()))
        mean = torch.einsum("m,mqc->qc", weights / weights.sum(), standardised(scores, known))
        return View(scores=(mean * self.scale).masked_fill(present & ~known, torch.nan))
