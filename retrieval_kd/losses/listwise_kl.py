"""Listwise distillation: the learner's distribution over passages follows the guide's."""

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.guided import GuidedTerm
from retrieval_kd.losses.mean import log_shares, weighted_mean
from retrieval_kd.losses.term import Over, positive_number
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
    predicted = log_shares(learner / learner_temperature, present)
    share = target.exp() if present is None else target.exp() * present
    divergence = (share * (target - predicted).masked_fill(share == 0, 0.0)).sum(-1)
    valid = divergence.new_ones(divergence.shape).bool() if present is None else present.any(-1)
    return scale * weighted_mean(divergence, valid, query_weight)


class ListwiseKL(GuidedTerm):
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
        super().__init__(learner=learner, guide=guide, over=over, weight=weight, paced=paced, detach_guide=detach_guide)
        self.options = {
            "learner_temperature": positive_number("learner_temperature", learner_temperature),
            "guide_temperature": positive_number("guide_temperature", guide_temperature),
            "scale": scale,
        }

    def loss(self, learner: PoolScores, guide: PoolScores, batch: Candidates) -> Scalar:
        return listwise_kl(
            learner, guide, present=self.present(batch), **self.options, query_weight=self.query_weight(batch)
        )
