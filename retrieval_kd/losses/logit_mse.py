"""Logits that follow logits: half the squared difference of scores."""

from typing import ClassVar

import torch

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.guided import GuidedTerm
from retrieval_kd.losses.mean import weighted_mean
from retrieval_kd.losses.term import Over
from retrieval_kd.shapes import PerQuery, PoolMask, PoolScores, Scalar


def logit_mse(
    learner: PoolScores, guide: PoolScores, *, present: PoolMask | None = None, query_weight: PerQuery | None = None
) -> Scalar:
    """½ (learner - guide)², mean over present (query, passage) pairs.

    Source: `KD_logit` of PROD, Lin et al. (2023), models.py:774-776 of its code.
    """
    counted = torch.ones_like(learner, dtype=torch.bool) if present is None else present
    return 0.5 * weighted_mean((learner - guide).masked_fill(~counted, 0.0) ** 2, counted, query_weight)


class LogitMSE(GuidedTerm):
    """½ MSE of the scores over the pool or the own list; the two scorers' scales must be alike."""

    absolute: ClassVar[bool] = True

    def __init__(self, *, learner: str, guide: str, over: Over, detach_guide: bool, paced: bool, weight: float) -> None:
        super().__init__(learner=learner, guide=guide, over=over, weight=weight, paced=paced, detach_guide=detach_guide)

    def loss(self, learner: PoolScores, guide: PoolScores, batch: Candidates) -> Scalar:
        return logit_mse(learner, guide, present=self.present(batch), query_weight=self.query_weight(batch))
