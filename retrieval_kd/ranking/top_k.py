"""The best passages so far, while a collection passes by in blocks."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

_QUERIES_AT_ONCE = 1024  # that are merged together: a sort of 1 024 × 400 scores is 5 MB


class TopK:
    """For each query the `depth` best of what was shown, best first; of equal scores the one shown first.

    Narrower where fewer were shown; -1 and -inf stand where a search found no passage.
    """

    def __init__(self, queries: int, depth: int, device: torch.device | str = "cpu") -> None:
        self.depth = depth
        self.scores: Float[Tensor, "query k"] = torch.empty(queries, 0, device=device)
        self.positions: Int[Tensor, "query k"] = torch.empty(queries, 0, dtype=torch.int32, device=device)

    def add(self, scores: Float[Tensor, "query block"], positions: Int[Tensor, "query block"]) -> None:
        """Show a block; each of its rows in the order of preference among equal scores."""
        width = min(self.depth, self.scores.shape[1] + scores.shape[1])
        old_scores, old_positions = self.scores, self.positions
        if width > old_scores.shape[1]:  # else the old ones are overwritten, some queries at a time
            self.scores, self.positions = (
                old_scores.new_empty(len(old_scores), width),
                old_positions.new_empty(len(old_scores), width),
            )
        for first in range(0, len(old_scores), _QUERIES_AT_ONCE):
            rows = slice(first, first + _QUERIES_AT_ONCE)
            self.scores[rows], self.positions[rows] = _merge(
                old_scores[rows], old_positions[rows], scores[rows], positions[rows], self.depth
            )


def _merge(
    scores: Tensor, positions: Tensor, new_scores: Tensor, new_positions: Tensor, depth: int
) -> tuple[Tensor, Tensor]:
    """The best of both blocks, of some queries."""
    best, order = torch.cat([scores, new_scores.float()], dim=1).sort(dim=1, descending=True, stable=True)
    best_positions = torch.cat([positions, new_positions.to(torch.int32)], dim=1).gather(1, order[:, :depth])
    return best[:, :depth], best_positions


def packed(scores: NDArray[Any], positions: NDArray[Any]) -> NDArray[np.int32]:
    """Scores and positions side by side, [query 2 · depth], as one array of 32 bits can hold both on disk."""
    return np.hstack([scores.astype(np.float32, copy=False).view(np.int32), positions.astype(np.int32, copy=False)])


def unpacked(columns: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """(scores, positions), each [query depth], of what was packed."""
    scores, positions = np.split(columns, 2, axis=1)
    return scores.view(np.float32), positions
