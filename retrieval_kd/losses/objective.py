"""An objective is a named sum of arrows; who learns is read off them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from torch import nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.term import Term
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import Scalar


class Objective(nn.Module):
    """Σ weight · term. `tied` roles hold the encoder of the first of them. `echoes` are further roles: {name: {"of":
    role, "redraw": "passage" | "query" | "both"}}, the same scorer read again with fresh dropout on that side.

    Raises ValueError where there is no term, a tied or echoed role is read by none, or a guide may be moved but is
    nobody's learner.
    """

    def __init__(
        self, terms: Mapping[str, Term], tied: Sequence[str] = (), echoes: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        super().__init__()
        self.terms = nn.ModuleDict(terms)
        self.tied = tuple(tied)
        self.echoes = {name: dict(echo) for name, echo in (echoes or {}).items()}
        if not terms:
            raise ValueError("the objective has no terms: give at least one under loss.terms")
        for name, term in self._named():
            if term.guide is not None and not term.detach_guide and self.source(term.guide) not in self.learners:
                raise ValueError(
                    f"loss.terms.{name}: detach_guide=false moves {term.guide}, which no term names as learner; "
                    "give true"
                )
        for name in (*self.tied, *(echo["of"] for echo in self.echoes.values())):
            if name != "student" and name not in self.roles:
                raise ValueError(
                    f"the loss ties or echoes {name!r}, which none of its terms reads: give one of {sorted(self.roles)}"
                )

    def source(self, role: str) -> str:
        """The role whose scorer a role reads: its own, or the one that it echoes."""
        return self.echoes[role]["of"] if role in self.echoes else role

    def pass_of(self, role: str, kind: str) -> int:
        """The pass in which a role reads this kind of text: 0, or one of its own where an echo draws dropout anew."""
        redraw = self.echoes[role]["redraw"] if role in self.echoes else None
        return 1 + list(self.echoes).index(role) if redraw in (kind, "both") else 0

    @property
    def roles(self) -> frozenset[str]:
        """The roles whose scorers are read."""
        return frozenset(self.source(role) for _, term in self._named() for role in term.roles)

    @property
    def learners(self) -> frozenset[str]:
        """The roles whose parameters are trained: exactly those that some term names as learner."""
        return frozenset(self.source(term.learner) for _, term in self._named())

    def wants(self, step: int) -> dict[str, frozenset[Want]]:
        """What the step reads of each role, echoes included."""
        wants: dict[str, frozenset[Want]] = defaultdict(frozenset)
        for _, term in self._named():
            for role, some in term.wants(step).items():
                wants[role] |= some
        return dict(wants)

    def forward(self, views: Mapping[str, View], batch: Candidates) -> dict[str, Scalar]:
        return {name: term.weight * term(views, batch) for name, term in self._named()}

    def _named(self) -> list[tuple[str, Term]]:
        return [(name, term) for name, term in self.terms.items() if isinstance(term, Term)]
