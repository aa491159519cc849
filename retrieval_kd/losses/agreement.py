"""Agreement of two readings: half the symmetric divergence of their distributions."""

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.guided import GuidedTerm
from retrieval_kd.losses.listwise_kl import listwise_kl
from retrieval_kd.losses.term import Over
from retrieval_kd.shapes import PerQuery, PoolMask, PoolScores, Scalar


def agreement(
    first: PoolScores, second: PoolScores, *, present: PoolMask | None = None, query_weight: PerQuery | None = None
) -> Scalar:
    """½ [KL(P_1 || P_2) + KL(P_2 || P_1)], mean over queries, P = softmax of the scores.

    Source: dual regularization, as SimXNS LEAD/util.py:453-457 computes it; R-Drop, Liang et al. (2021), eq. 2.
    """
    forward = listwise_kl(first, second, present=present, query_weight=query_weight)
    backward = listwise_kl(second, first, present=present, query_weight=query_weight)
    return (forward + backward) / 2


class Agreement(GuidedTerm):
    """Two readings of one scorer agree: `guide` names an echo of `learner`. No stop-gradient on either side."""

    def __init__(self, *, learner: str, guide: str, over: Over, detach_guide: bool, paced: bool, weight: float) -> None:
        super().__init__(learner=learner, guide=guide, over=over, weight=weight, paced=paced, detach_guide=detach_guide)

    def loss(self, learner: PoolScores, guide: PoolScores, batch: Candidates) -> Scalar:
        return agreement(learner, guide, present=self.present(batch), query_weight=self.query_weight(batch))
