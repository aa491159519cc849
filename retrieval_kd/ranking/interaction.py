"""MaxSim of many texts without gradients: every query with every passage, or pairs that are listed.

The numbers are those of `scorers.late.max_sim` up to rounding. No token is padded where all pairs are wanted.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

_TILES = {
    "cpu": (2048, 512),
    "cuda": (16384, 8192),
}  # passage tokens × query tokens at once; on a CPU 4 MB stay in its cache
_FLOATS_PER_CHUNK = 16_000_000  # of gathered token vectors: 64 MB


@dataclass(frozen=True)
class TokenVectors:
    """The token vectors of several texts, one after the other: text i has rows offsets[i] to offsets[i + 1]."""

    tokens: Float[Tensor, "token dim"]
    offsets: Int[Tensor, "ends"]

    @classmethod
    def of(cls, tokens: np.ndarray, offsets: np.ndarray, device: torch.device) -> "TokenVectors":
        return cls(torch.from_numpy(tokens).to(device), torch.from_numpy(offsets))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int[Tensor, "text"]:
        """Tokens of each text."""
        return self.offsets.diff()

    def take(self, texts: Int[Tensor, "chosen"]) -> "TokenVectors":
        """These texts in this order."""
        lengths = self.lengths[texts]
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        rows = torch.repeat_interleave(self.offsets[texts] - offsets[:-1], lengths) + torch.arange(int(offsets[-1]))
        return TokenVectors(self.tokens[rows.to(self.tokens.device)], offsets)

    def part(self, first: int, last: int) -> "TokenVectors":
        """Texts first … last - 1, not copied."""
        start, stop = int(self.offsets[first]), int(self.offsets[last])
        return TokenVectors(self.tokens[start:stop], self.offsets[first : last + 1] - start)

    def cuts(self, tokens: int) -> list[tuple[int, int]]:
        """Consecutive (first, last) parts of at most so many tokens each; a text that is longer stands alone."""
        parts, first = [], 0
        while first < len(self):
            room = torch.searchsorted(self.offsets, self.offsets[first] + tokens, right=True)
            last = max(int(room) - 1, first + 1)
            parts.append((first, last))
            first = last
        return parts


def every_pair(queries: TokenVectors, passages: TokenVectors) -> Float[Tensor, "query passage"]:
    """Σ_i max_j q_i · p_j of every query with every passage; 0 where either has no token.

    One product of matrices a tile; passages of equal length stand side by side, so that the greatest over their tokens
    is a reduction of a plain block.
    """
    high, wide = _TILES[queries.tokens.device.type]
    order = passages.lengths.argsort(stable=True)
    passages = passages.take(order)
    scores = queries.tokens.new_zeros(len(passages), len(queries))
    columns = [(first, last, queries.part(first, last)) for first, last in queries.cuts(wide)]
    for top, bottom in passages.cuts(high):
        rows = passages.part(top, bottom)
        for left, right, part in columns:
            best = _greatest(rows.tokens @ part.tokens.T, rows.lengths)
            owners = torch.repeat_interleave(torch.arange(len(part)), part.lengths).to(best.device)
            scores[top:bottom, left:right].index_add_(1, owners, best)
    return torch.empty_like(scores).index_copy_(0, order.to(scores.device), scores).T


def _greatest(products: Float[Tensor, "passage_token query_token"], lengths: Int[Tensor, "passage"]) -> Tensor:
    """The greatest over each passage's tokens, [passage query_token]; `lengths` rise."""
    best = products.new_zeros(len(lengths), products.shape[1])
    token = passage = 0
    for length, count in zip(*(part.tolist() for part in lengths.unique_consecutive(return_counts=True)), strict=True):
        if length:
            block = products[token : token + length * count].view(count, length, -1)
            torch.amax(block, 1, out=best[passage : passage + count])
        token, passage = token + length * count, passage + count
    return best


def listed_pairs(
    queries: TokenVectors, passages: TokenVectors, query: Int[Tensor, "pair"], passage: Int[Tensor, "pair"]
) -> Float[Tensor, "pair"]:
    """Σ_i max_j q_i · p_j of query[n] with passage[n], in chunks of pairs of like length."""
    scores = queries.tokens.new_zeros(len(query))
    lengths = passages.lengths[passage]
    order = lengths.argsort(stable=True, descending=True)
    longest_query = int(queries.lengths.max())
    while len(order):
        room = int(lengths[order[0]]) + longest_query
        chunk, order = order.tensor_split([max(1, _FLOATS_PER_CHUNK // (room * queries.tokens.shape[1]))])
        left, _ = _padded(queries, query[chunk])
        right, real = _padded(passages, passage[chunk])
        products = (left @ right.transpose(1, 2)).masked_fill(~real[:, None], -torch.inf)
        best = products.amax(2).masked_fill(~real.any(1, keepdim=True), 0.0)
        scores[chunk.to(scores.device)] = best.sum(1)
    return scores


def _padded(texts: TokenVectors, chosen: Int[Tensor, "chosen"]) -> tuple[Tensor, Tensor]:
    """([chosen token dim], which tokens are real); what is not is a vector of zeros."""
    lengths = texts.lengths[chosen]
    column = torch.arange(max(int(lengths.max()), 1))
    real = column < lengths[:, None]
    rows = torch.where(real, texts.offsets[chosen][:, None] + column, 0).to(texts.tokens.device)
    real = real.to(rows.device)
    return texts.tokens[rows] * real[..., None], real
