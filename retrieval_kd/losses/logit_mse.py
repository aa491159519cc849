"""Logits that follow logits: half the squared difference of scores."""

from collections.abc import Mapping
from typing import ClassVar

import torch

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import weighted_mean
from retrieval_kd.losses.term import Over, Term, read, want
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import PerQuery, PoolMask, PoolScores, Scalar


def logit_mse(
    learner: PoolScores, guide: PoolScores, *, present: PoolMask | None = None, query_weight: PerQuery | None = None
) -> Scalar:
    """½ (learner - guide)², mean over present (query, passage) pairs.

    Source: `KD_logit` of PROD, Lin et al. (2023), models.py:774-776 of its code.
    """
    there = torch.ones_like(learner, dtype=torch.bool) if present is None else present
    return 0.5 * weighted_mean((learner - guide).masked_fill(~there, 0.0) ** 2, there, query_weight)


class LogitMSE(Term):
    """½ MSE of the scores over the pool or the own list; the two scorers' scales must be alike."""

    absolute: ClassVar[bool] = True

    def __init__(self, *, learner: str, guide: str, over: Over, detach_guide: bool, paced: bool, weight: float) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)
        self.guide: str = guide
        self.over: Over = over

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {self.learner: want(self.over), self.guide: want(self.over)}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        learner, guide = read(views[self.learner], self.over), self.guided(read(views[self.guide], self.over))
        present = batch.pooled if self.over == "pool" else batch.listed
        return logit_mse(learner, guide, present=present, query_weight=self.query_weight(batch))
