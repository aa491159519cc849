"""Random token vectors, the same on every side, and the repetition of forward and backward over a MaxSim."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from experiments.speed.worker import Turn

Score = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # queries, passages, their masks → [query passage]


def vectors(settings: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Unit vectors [query query_token dim] and [passage passage_token dim]."""
    chance, dim = torch.Generator().manual_seed(0), settings["dim"]
    query = torch.randn(settings["queries"], settings["query_tokens"], dim, generator=chance)
    passage = torch.randn(settings["passages"], settings["passage_tokens"], dim, generator=chance)
    return torch.nn.functional.normalize(query, dim=-1), torch.nn.functional.normalize(passage, dim=-1)


def repeat(settings: dict[str, Any], turn: Turn, score: Score) -> None:
    """Scores, a weighted sum of them, and the gradients of both sides; tells the sum and both gradients' norms."""
    query, passage = (side.requires_grad_() for side in vectors(settings))
    weight = torch.randn(len(query), len(passage), generator=torch.Generator().manual_seed(1))
    masks = torch.ones(query.shape[:2], dtype=torch.bool), torch.ones(passage.shape[:2], dtype=torch.bool)
    score(query[:1, :2], passage[:2, :2], masks[0][:1, :2], masks[1][:2, :2]).sum().backward()  # warms up
    turn.ready()
    while True:
        query.grad = passage.grad = None
        total = (score(query, passage, *masks) * weight).sum()
        total.backward()
        turn([total.item(), query.grad.norm().item(), passage.grad.norm().item()])
