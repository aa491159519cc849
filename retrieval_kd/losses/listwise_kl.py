"""Listwise distillation: the learner's distribution over passages follows the guide's."""

from collections.abc import Mapping

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import log_shares, weighted_mean
from retrieval_kd.losses.term import Over, Term, positive_number, read, want
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import PerQuery, PoolMask, PoolScores, Scalar


def listwise_kl(
    learner: PoolScores,
    guide: PoolScores,
    *,
    present: PoolMask | None = None,
    learner_temperature: float = 1.0,
    guide_temperature: float = 1.0,
    scale: float = 1.0,
    query_weight: PerQuery | None = None,
) -> Scalar:
    """scale · mean over queries of KL(P_g || P_l), P_g = softmax(guide / guide_temperature), P_l = softmax(learner /
    learner_temperature).

    Over present passages; a query with fewer than one is left out. The guide is not detached here.
    Source: Hinton, Vinyals & Dean (2015), eq. 1; PROD uses scale = T² (Lin et al. 2023, models.py:772-777).
    """
    target = log_shares(guide / guide_temperature, present)
    found = log_shares(learner / learner_temperature, present)
    share = target.exp() if present is None else target.exp() * present
    divergence = (share * (target - found).masked_fill(share == 0, 0.0)).sum(-1)
    valid = divergence.new_ones(divergence.shape).bool() if present is None else present.any(-1)
    return scale * weighted_mean(divergence, valid, query_weight)


class ListwiseKL(Term):
    """KL(guide || learner) over the pool or the own list."""

    def __init__(
        self,
        *,
        learner: str,
        guide: str,
        over: Over,
        learner_temperature: float,
        guide_temperature: float,
        scale: float,
        detach_guide: bool,
        paced: bool,
        weight: float,
    ) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)
        self.guide: str = guide
        self.over = over
        self.options = {
            "learner_temperature": positive_number("learner_temperature", learner_temperature),
            "guide_temperature": positive_number("guide_temperature", guide_temperature),
            "scale": scale,
        }

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {self.learner: want(self.over), self.guide: want(self.over)}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        learner, guide = read(views[self.learner], self.over), self.guided(read(views[self.guide], self.over))
        present = batch.pooled if self.over == "pool" else batch.listed
        return listwise_kl(learner, guide, present=present, **self.options, query_weight=self.query_weight(batch))
