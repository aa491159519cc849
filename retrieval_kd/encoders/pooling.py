"""Token states to one vector a text."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from retrieval_kd.batch.tokens import Tokens

Pooling = Literal["cls", "mean", "mean_words", "max", "last", "mean_sqrt_length", "weighted_mean"]


def pool(states: Float[Tensor, "text token dim"], text: Tokens, pooling: Pooling) -> Float[Tensor, "text dim"]:
    """`cls`: the first token's state; `last`: the last real one's; `mean`: over all real tokens; `mean_words`: without
    special tokens and markers (Lin, Yang & Lin 2021); `max`: of each component over real tokens; `mean_sqrt_length`:
    their sum over the root of their number; `weighted_mean`: the i-th of them counts i times (Muennighoff 2022,
    arXiv 2202.08904). Real tokens are pooled as sentence-transformers does it. Without a counted token it is zeros.
    """
    if pooling == "cls":
        return states[:, 0]
    counted = text.word if pooling == "mean_words" else text.mask
    place = counted.cumsum(1)
    if pooling == "last":
        return (states * ((place == place[:, -1:]) & counted)[..., None]).sum(1)
    if pooling == "max":
        best = states.masked_fill(~counted[..., None], -torch.inf).amax(1)
        return best.masked_fill(~counted.any(1, keepdim=True), 0.0)
    weight = (place * counted if pooling == "weighted_mean" else counted).to(states.dtype)
    total = weight.sum(1, keepdim=True).clamp(min=1)
    return (states * weight[..., None]).sum(1) / (total.sqrt() if pooling == "mean_sqrt_length" else total)
