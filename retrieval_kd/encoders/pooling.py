"""Token states to one vector a text."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from retrieval_kd.batch.tokens import Tokens

Pooling = Literal["cls", "mean", "mean_words"]


def pool(states: Float[Tensor, "text token dim"], text: Tokens, pooling: Pooling) -> Float[Tensor, "text dim"]:
    """`cls`: the first token's state; `mean`: over all real tokens (as sentence-transformers does); `mean_words`:
    without special tokens and markers (Lin, Yang & Lin 2021). A text without a counted token gives zeros.
    """
    if pooling == "cls":
        return states[:, 0]
    counted = (text.mask if pooling == "mean" else text.word).to(states.dtype)
    return (states * counted[..., None]).sum(1) / counted.sum(1, keepdim=True).clamp(min=1)
