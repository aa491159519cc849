"""LambdaRank: a pair weighs what exchanging it would change, in reciprocal rank or in nDCG."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import weighted_mean
from retrieval_kd.losses.rank_net import ordered_pairs, pair_costs
from retrieval_kd.losses.term import Term, read, want
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import ListMask, ListScores, PerQuery, Scalar

Metric = Literal["rr", "ndcg"]
_LEAST = 1e-4  # of an ideal DCG, as in the code


def lambda_rank(
    scores: ListScores, labels: ListScores, *, present: ListMask | None = None, query_weight: PerQuery | None = None
) -> Scalar:
    """|1/r_i - 1/r_j| · log(1 + exp(-(s_i - s_j))), mean over all pairs of the batch with label i > label j.

    r is the current rank of a candidate in its list by score, among present ones, and carries no gradient.
    Source: CL-DRD, Zeng, Zamani & Vinay (2022); lambda_rank.py:53-96 of its code.
    """
    gain = _differences(1 / _ranks(scores, present))
    return weighted_mean(gain * pair_costs(scores, present), ordered_pairs(labels, present), query_weight)


def lambda_ndcg(
    scores: ListScores, labels: ListScores, *, present: ListMask | None = None, query_weight: PerQuery | None = None
) -> Scalar:
    """|1/log2(1 + r_i) - 1/log2(1 + r_j)| · |2^y_i - 2^y_j| / the ideal DCG · log(1 + exp(-(s_i - s_j))), mean over the
    same pairs; y are the labels from 0 on, r as in `lambda_rank`.

    Source: `lambdaRank_scheme` of standard_lambda_rank.py in CL-DRD's code. Differs: that keeps the sigmoid from
    falling below 1e-4.
    """
    gain = _differences(1 / (1 + _ranks(scores, present)).log2()) * _differences(_gains(labels, present))
    return weighted_mean(gain * pair_costs(scores, present), ordered_pairs(labels, present), query_weight)


def _differences(values: Tensor) -> Tensor:
    return (values[:, :, None] - values[:, None, :]).abs()


def _ranks(scores: Tensor, present: Tensor | None) -> Tensor:
    """From 1 on, by falling value among what is present."""
    lowest = torch.finfo(scores.dtype).min
    seen = scores.detach() if present is None else scores.detach().masked_fill(~present, lowest)
    order = seen.argsort(dim=1, descending=True, stable=True)
    return order.argsort(dim=1).to(scores.dtype) + 1


def _gains(labels: Tensor, present: Tensor | None) -> Tensor:
    """(2^y - 1) over the list's ideal DCG."""
    gain = 2 ** labels.clamp(min=0) - 1
    gain = gain if present is None else gain.masked_fill(~present, 0.0)
    place = torch.arange(1, labels.shape[1] + 1, device=labels.device, dtype=labels.dtype)
    ideal = (gain.sort(dim=1, descending=True).values / (1 + place).log2()).sum(1, keepdim=True)
    return gain / ideal.clamp(min=_LEAST)


class LambdaRank(Term):
    """LambdaRank by the curriculum's labels, of `metric` rr (reciprocal rank) or ndcg: of the own list, or of the pool
    where `others` labels the passages that only other queries list (CL-DRD's in-batch negatives: -0.5), without those
    judged relevant to the query.
    """

    def __init__(self, *, learner: str, metric: Metric, others: float | None, paced: bool, weight: float) -> None:
        super().__init__(learner=learner, weight=weight, paced=paced)
        self.loss = {"rr": lambda_rank, "ndcg": lambda_ndcg}[metric]
        self.others = others

    @property
    def reads_labels(self) -> bool:
        """Whether it goes by the curriculum's labels."""
        return True

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {self.learner: want("list" if self.others is None else "pool")}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        scores = read(views[self.learner], "list" if self.others is None else "pool")
        labels, present = batch.labels.to(scores.dtype), batch.listed
        if self.others is not None:
            own = batch.own_columns()
            labels = torch.full_like(scores, self.others).scatter(1, own, labels)
            present = batch.negatives.scatter(1, own, present)
        return self.loss(scores, labels, present=present, query_weight=self.query_weight(batch))
