"""Means over what is valid, weighted by query; and logits where only some entries count."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from retrieval_kd.shapes import Scalar


def weighted_mean(
    items: Float[Tensor, "*item"], valid: Bool[Tensor, "*item"], query_weight: Float[Tensor, "query"] | None = None
) -> Scalar:
    """Σ w · item / Σ w over valid items, where w is the `query_weight` of the item's query, the first axis. No item at
    all: 0 with a graph.
    """
    weight = valid.to(items.dtype)
    if query_weight is not None:
        weight = weight * query_weight.to(items.dtype).reshape(-1, *[1] * (items.dim() - 1))
    total = weight.sum()
    return (items.masked_fill(~valid, 0.0) * weight).sum() / torch.where(total > 0, total, 1.0)


def log_shares(
    scores: Float[Tensor, "query pool"], present: Bool[Tensor, "query pool"] | None
) -> Float[Tensor, "query pool"]:
    """log softmax over what is present; absent entries read 0 and take no part."""
    if present is None:
        return scores.log_softmax(-1)
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~present, lowest).log_softmax(-1).masked_fill(~present, 0.0)


def upcast(scores: Tensor) -> Tensor:
    """Half-precision scores in float32; others as they are. A loss is never taken in half precision."""
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
