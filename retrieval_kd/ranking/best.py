"""The best passages so far, while a collection passes by in blocks."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Best:
    """For each query the `depth` best of what was shown, best first; of equal scores the one shown first.

    `positions` is -1 (and the score -inf) where fewer were shown.
    """

    def __init__(self, queries: int, depth: int, device: torch.device | str = "cpu") -> None:
        self.depth = depth
        self.scores: Float[Tensor, "query k"] = torch.empty(queries, 0, device=device)
        self.positions: Int[Tensor, "query k"] = torch.empty(queries, 0, dtype=torch.int64, device=device)

    def add(self, scores: Float[Tensor, "query block"], positions: Int[Tensor, "query block"]) -> None:
        """Show a block; each of its rows in the order of preference among equal scores."""
        scores = torch.cat([self.scores, scores.float()], dim=1)
        positions = torch.cat([self.positions, positions], dim=1)
        self.scores, order = scores.sort(dim=1, descending=True, stable=True)
        self.scores = self.scores[:, : self.depth].contiguous()
        self.positions = positions.gather(1, order[:, : self.depth])
