"""Decoupled distillation: the positive against the rest, and the rest among themselves, each with a weight."""

import torch

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.guided import GuidedTerm
from retrieval_kd.losses.listwise_kl import listwise_kl
from retrieval_kd.losses.mean import log_shares
from retrieval_kd.losses.term import Over, from_zero, positive_number
from retrieval_kd.shapes import Column, PerQuery, PoolMask, PoolScores, Scalar


def decoupled_kl(
    learner: PoolScores,
    guide: PoolScores,
    positive: Column,
    *,
    present: PoolMask | None = None,
    temperature: float = 1.0,
    alpha: float = 1.0,
    beta: float = 1.0,
    query_weight: PerQuery | None = None,
) -> Scalar:
    """T² · mean over queries of alpha · KL(b_g || b_l) + beta · KL(r_g || r_l), with softmaxes at temperature T.

    b = (P(positive), 1 - P(positive)); r is the softmax over all but the positive. A query without a positive (-1) is
    left out. Source: Zhao et al. (2022), "Decoupled Knowledge Distillation", eq. 7; `dkd_loss` of PROD, models.py:697
    and 779-806 of its code.
    """
    counted = torch.ones_like(learner, dtype=torch.bool) if present is None else present
    column = positive.clamp(min=0)[:, None]
    counted = counted & (positive >= 0)[:, None] & counted.gather(1, column)
    rest = counted.scatter(1, column, False)
    options = {"learner_temperature": temperature, "guide_temperature": temperature, "scale": temperature**2}
    both = [_against_rest(scores / temperature, column, counted, rest) for scores in (learner, guide)]
    judged = counted.any(-1, keepdim=True).expand_as(both[0])
    target = listwise_kl(*both, present=judged, scale=temperature**2, query_weight=query_weight)
    return alpha * target + beta * listwise_kl(learner, guide, present=rest, **options, query_weight=query_weight)


def _against_rest(scores: PoolScores, column: torch.Tensor, counted: PoolMask, rest: PoolMask) -> torch.Tensor:
    """The logarithms of P(positive) and of the sum of the others: logits of two classes."""
    lowest = torch.finfo(scores.dtype).min
    shares = log_shares(scores, counted)
    log_rest = shares.masked_fill(~rest, lowest).logsumexp(-1, keepdim=True)
    return torch.cat([shares.gather(1, column), log_rest.clamp(min=lowest / 2)], dim=1)


class DecoupledKL(GuidedTerm):
    """Decoupled distillation over the pool or the own list; it needs judged positives."""

    def __init__(
        self,
        *,
        learner: str,
        guide: str,
        over: Over,
        temperature: float,
        alpha: float,
        beta: float,
        detach_guide: bool,
        paced: bool,
        weight: float,
    ) -> None:
        super().__init__(learner=learner, guide=guide, over=over, weight=weight, paced=paced, detach_guide=detach_guide)
        self.options = {
            "temperature": positive_number("temperature", temperature),
            "alpha": from_zero("alpha", alpha),
            "beta": from_zero("beta", beta),
        }

    @property
    def needs_positive(self) -> bool:
        """Whether it says nothing of a query that has no judged passage."""
        return True

    def loss(self, learner: PoolScores, guide: PoolScores, batch: Candidates) -> Scalar:
        positive = batch.positive if self.over == "pool" else batch.own_positive
        return decoupled_kl(
            learner, guide, positive, present=self.present(batch), **self.options, query_weight=self.query_weight(batch)
        )
