"""MaxSim that keeps the argmax, not the block of all token products: chunked over passages, exact in value and
gradient.
"""

from typing import Any

import torch
from torch import Tensor

_BLOCK = {"cpu": 700_000, "cuda": 16_000_000}  # token products at once: 2.8 MB and 64 MB in float32


class MaxSim(torch.autograd.Function):
    """Values and the winning passage tokens of real query tokens against every passage.

    query: [token dim], passage: [passage passage_token dim], mask: [passage passage_token] → [token passage]; a passage
    without tokens gives 0. Saved for the backward pass: an int32 for each value, instead of every product.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, passage: Tensor, mask: Tensor) -> Tensor:
        values = query.new_zeros((len(query), len(passage)))
        winners = torch.zeros((len(query), len(passage)), dtype=torch.int32, device=query.device)
        width = passage.shape[1]
        for chunk in _chunks(mask, len(query)):
            longest = max(int(mask[chunk].sum(1).max()), 1) if bool(_prefix(mask[chunk])) else width
            tokens = passage[chunk, :longest]
            products = (query @ tokens.reshape(-1, tokens.shape[-1]).T).view(len(query), len(chunk), longest)
            products = products.masked_fill(~mask[chunk, :longest], -torch.inf)
            best, where = products.max(-1)
            values[:, chunk] = torch.where(mask[chunk].any(1), best, 0.0)
            winners[:, chunk] = (where + chunk * width).to(torch.int32)
        ctx.save_for_backward(query, passage, mask, winners)
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        query, passage, mask, winners = ctx.saved_tensors
        weight = gradients[0] * mask.any(1)
        tokens = passage.reshape(-1, passage.shape[-1])
        to_query, to_tokens = torch.zeros_like(query), torch.zeros_like(tokens)
        step = max(1, _BLOCK[query.device.type] // max(query.numel(), 1))
        for start in range(0, winners.shape[1], step):
            block_winners, share = winners[:, start : start + step].long(), weight[:, start : start + step]
            to_query += torch.einsum(
                "np,npd->nd", share, tokens[block_winners.reshape(-1)].view(*block_winners.shape, -1)
            )
            to_tokens.index_add_(
                0, block_winners.reshape(-1), (share[..., None] * query[:, None]).reshape(-1, query.shape[-1])
            )
        return to_query, to_tokens.view_as(passage), None


def _prefix(mask: Tensor) -> Tensor:
    """Whether the masked tokens of every passage are its last ones."""
    return (mask[:, 1:] <= mask[:, :-1]).all()


def _chunks(mask: Tensor, queries: int) -> list[Tensor]:
    """Passages in order of length, in chunks whose block of products stays under the limit."""
    lengths = mask.sum(1)
    order = lengths.argsort(descending=True, stable=True)
    chunks, start, sizes = [], 0, lengths[order].tolist()
    while start < len(order):
        chunks.append(order[start : start + max(1, _BLOCK[mask.device.type] // max(queries * max(sizes[start], 1), 1))])
        start += len(chunks[-1])
    return chunks
