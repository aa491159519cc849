"""Word-level relations of a query and a passage, compared between scorers of different layout."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.encoders.unpadded import Tensors


def word_places(word: Bool[Tensor, "text token"]) -> tuple[Int[Tensor, "text word"], Bool[Tensor, "text word"]]:
    """Where each text's words stand, first to last, and which of those entries are real."""
    width = max(int(word.sum(1).max()), 1)
    places = torch.argsort((~word).to(torch.uint8), dim=1, stable=True)[:, :width]
    return places, word.gather(1, places)


def compact(states: Float[Tensor, "text token dim"], word: Bool[Tensor, "text token"]) -> tuple[Tensor, Tensor]:
    """States of words alone, moved to the front: ([text word dim], [text word])."""
    places, real = word_places(word)
    words = states.gather(1, places[..., None].expand(-1, -1, states.shape[-1]))
    return words * real[..., None], real


def attention_rows(query: Tensors, passage: Tensors, batch: Candidates) -> tuple[Tensor, Tensor, Tensor]:
    """softmax_j(H_q[i] · H_p[j] / sqrt(dim)) over a passage's words, with the masks of both sides, for this rank's
    queries; 0 where either side has no word.
    """
    words = passage["words"].unflatten(0, (batch.local, -1))
    mask = passage["mask"].unflatten(0, (batch.local, -1))
    products = torch.einsum("qid,qcjd->qcij", query["words"], words) / words.shape[-1] ** 0.5
    lowest = torch.finfo(products.dtype).min
    rows = products.masked_fill(~mask[:, :, None], lowest).softmax(-1)
    return rows * (query["mask"][:, None, :, None] & mask[:, :, None]), query["mask"], mask
