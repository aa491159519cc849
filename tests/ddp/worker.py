"""One rank of two: runs every case and leaves what it noted (torchrun … -m tests.ddp.worker folder)."""

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from retrieval_kd.distil.gather import rank, share
from tests.ddp.cases import CASES, trained
from tests.ddp.ragged import ragged_ground


def shared() -> dict[str, Any]:
    """What `share` gives and gets back on this rank: rank 0 holds [[1, 2]], rank 1 holds [[3, 4, 5]]."""
    rows = torch.tensor([[1.0, 2.0]] if rank() == 0 else [[3.0, 4.0, 5.0]], requires_grad=True)
    whole = share(rows)
    # the same loss of the whole on every rank: 1·x² + 10·x² over the rows of both
    (whole.square() * torch.tensor([[1.0], [10.0]])).sum().backward()
    marks = share(torch.tensor([[rank() == 0, True]]))
    return {
        "whole": whole.detach(),
        "gradient": rows.grad,
        "marks": marks,
        "numbers": share(torch.tensor([rank() + 1])),
    }


def main(folder: Path) -> None:
    """Every case on this rank."""
    dist.init_process_group("gloo")
    noted: dict[str, Any] = {"shared": shared()}
    ground = ragged_ground(folder, folder / f"artifacts-{rank()}")
    for number, name in enumerate(CASES):
        noted[name] = trained(name, ground, folder / f"training-{number}", devices=2)
    torch.save(noted, folder / f"rank-{rank()}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
