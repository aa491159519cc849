"""RankNet: every pair of a list in the order of its labels."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import softplus

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import weighted_mean
from retrieval_kd.losses.term import Term, read, want
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import ListMask, ListScores, PerQuery, Scalar

Pairs = Float[Tensor, "query candidate other"]


def ordered_pairs(labels: ListScores, present: ListMask | None) -> Bool[Tensor, "query candidate other"]:
    """Pairs (i, j) of a query's present candidates where i has the higher label."""
    higher = labels[:, :, None] > labels[:, None, :]
    return higher if present is None else higher & present[:, :, None] & present[:, None, :]


def pair_costs(scores: ListScores, present: ListMask | None) -> Pairs:
    """log(1 + exp(-(s_i - s_j))), which does not overflow; what an absent candidate scores takes no part."""
    finite = (
        scores if present is None else scores.masked_fill(~present, 0.0)
    )  # before differences: inf - inf is no number
    return softplus(finite[:, None, :] - finite[:, :, None])


def rank_net(
    scores: ListScores, labels: ListScores, *, present: ListMask | None = None, query_weight: PerQuery | None = None
) -> Scalar:
    """log(1 + exp(-(s_i - s_j))), mean over all pairs of the batch with label i > label j.

    Source: Burges et al. (2005), eq. 3 with target probability 1.
    """
    return weighted_mean(pair_costs(scores, present), ordered_pairs(labels, present), query_weight)


class RankNet(Term):
    """RankNet of the own list in the order of the guide's scores; without a guide, of the curriculum's labels."""

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        return {} if node["guide"] else {"detach_guide": f"there is no guide; give {at}.guide"}

    def __init__(self, *, learner: str, guide: str | None, detach_guide: bool, paced: bool, weight: float) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)

    @property
    def reads_order(self) -> bool:
        """Whether of its guide the order of candidates alone counts."""
        return self.guide is not None

    @property
    def reads_labels(self) -> bool:
        """Whether it goes by the curriculum's labels."""
        return self.guide is None

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {role: want("list") for role in self.roles}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        scores = read(views[self.learner], "list")
        labels = batch.labels if self.guide is None else self.guided(read(views[self.guide], "list"))
        known = batch.listed & ~torch.isnan(labels)
        return rank_net(scores, labels.to(scores.dtype), present=known, query_weight=self.query_weight(batch))
