"""One step's view on every rank: the only collective calls of torch.distributed (`heartbeat` has a store beside them).

`share` joins the rows of all ranks with full gradients: every rank then takes the same loss of the whole step, each
row's gradient is summed over ranks, and DDP's average over ranks cancels that sum exactly.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import pad

_groups: dict[Any, Any] = {}  # a process group of our own, so that our calls and DDP's never meet in one queue


def ranks() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number among them."""
    return dist.get_rank() if ranks() > 1 else 0


def barrier() -> None:
    """Wait for every rank."""
    if ranks() > 1:
        dist.barrier()


def share(rows: Tensor) -> Tensor:
    """[row …] of this rank → the rows of all ranks in order of rank; trailing sizes are made equal with zeros first.

    Every rank must give as many rows. On one process the rows come back as they are.
    """
    if ranks() == 1:
        return rows
    sizes = torch.tensor(rows.shape[1:], device=rows.device)
    if len(sizes):
        dist.all_reduce(sizes, op=dist.ReduceOp.MAX, group=_group())
        room = [
            (0, int(want) - have) for have, want in zip(reversed(rows.shape[1:]), reversed(sizes.tolist()), strict=True)
        ]
        rows = pad(rows, [edge for pair in room for edge in pair])
    if rows.dtype is torch.bool:
        return _joined(rows.to(torch.uint8)).bool()
    return _Share.apply(rows) if rows.is_floating_point() else _joined(rows)


def _group() -> Any:
    world = dist.group.WORLD
    if world not in _groups:
        _groups.clear()
        _groups[world] = dist.new_group()
    return _groups[world]


def _joined(rows: Tensor) -> Tensor:
    parts = [torch.empty_like(rows) for _ in range(ranks())]
    dist.all_gather(parts, rows.contiguous(), group=_group())
    return torch.cat(parts)


class _Share(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.rows = len(rows)
        return _joined(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total, group=_group())
        return total[rank() * ctx.rows : (rank() + 1) * ctx.rows]
