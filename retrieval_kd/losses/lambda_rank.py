"""LambdaRank by reciprocal rank: a pair weighs what exchanging it would change."""

from collections.abc import Mapping

import torch

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import paced_mean
from retrieval_kd.losses.rank_net import ordered_pairs, pair_costs
from retrieval_kd.losses.term import Term, read, want
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import ListMask, ListScores, PerQuery, Scalar


def lambda_rank(
    scores: ListScores, labels: ListScores, *, present: ListMask | None = None, pace: PerQuery | None = None
) -> Scalar:
    """|1/r_i - 1/r_j| · log(1 + exp(-(s_i - s_j))), mean over all pairs of the batch with label i > label j.

    r is the current rank of a candidate in its list by score, among present ones, and carries no gradient.
    Source: CL-DRD, Zeng, Zamani & Vinay (2022); lambda_rank.py:53-96 of its code.
    """
    lowest = torch.finfo(scores.dtype).min
    seen = scores.detach() if present is None else scores.detach().masked_fill(~present, lowest)
    order = seen.argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(dim=1).to(scores.dtype) + 1
    gain = (1 / rank[:, :, None] - 1 / rank[:, None, :]).abs()
    return paced_mean(gain * pair_costs(scores, present), ordered_pairs(labels, present), pace)


class LambdaRank(Term):
    """LambdaRank of the own list by the lesson's labels."""

    def __init__(self, *, learner: str, paced: bool, weight: float) -> None:
        super().__init__(learner=learner, weight=weight, paced=paced)

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {self.learner: want("list")}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        scores = read(views[self.learner], "list")
        return lambda_rank(scores, batch.labels.to(scores.dtype), present=batch.listed, pace=self.pace(batch))
