"""Layer distillation: blocks as rankings of the same passages, paired and weighed by what the guide's block says."""

import torch

from retrieval_kd.losses.contrastive import contrastive
from retrieval_kd.losses.listwise_kl import listwise_kl
from retrieval_kd.shapes import Column, LayerScores, PerQuery, PoolMask, Scalar


def layer_kl(
    learner: LayerScores,
    guide: LayerScores,
    positive: Column,
    *,
    present: PoolMask | None = None,
    weight_temperature: float = 10.0,
    pace: PerQuery | None = None,
) -> Scalar:
    """Σ_k w_k KL(P(guide_k) || P(learner_k)), w = softmax_k(-contrastive(guide_k) / weight_temperature), w detached.

    Blocks are paired already; KL is a mean over queries. Source: LEAD, Sun et al. (2024), util.py:539-559 of its code.
    """
    hard = torch.stack([contrastive(scores, positive, present=present) for scores in guide])
    weights = (-hard / weight_temperature).softmax(0).detach()
    pairs = zip(learner, guide, strict=True)
    divergence = torch.stack([listwise_kl(one, other, present=present, pace=pace) for one, other in pairs])
    return (weights * divergence).sum()
