"""Which process this is, where several were started by torchrun or SLURM: read from the environment, without torch."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval_kd.errors import UserError


@dataclass(frozen=True)
class Ranks:
    """`rank` of `world` processes; `launch` names this launch of them, on every rank the same."""

    rank: int
    world: int
    launch: str

    @property
    def first(self) -> bool:
        """Whether this process does what only one may do."""
        return self.rank == 0


def local_rank() -> int:
    """Which of the processes on this host this is: the one of the GPUs that it takes."""
    return _number("LOCAL_RANK" if "LOCAL_RANK" in os.environ else "SLURM_LOCALID")


def ranks() -> Ranks:
    """From torchrun's variables, else SLURM's (more than one task), else a process alone. Raises UserError for what is
    no number, or a rank that is none of them.
    """
    env = os.environ
    if "RANK" in env and "WORLD_SIZE" in env:
        launch = [env.get(name, "0") for name in ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_PORT")]
        return _within("RANK", "WORLD_SIZE", launch)
    if _number("SLURM_NTASKS", 1) > 1 and "SLURM_PROCID" in env:
        launch = [env.get(name, "0") for name in ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")]
        return _within("SLURM_PROCID", "SLURM_NTASKS", launch)
    return Ranks(0, 1, "alone")


def is_first() -> bool:
    """Whether this process does what only one may do; also where the environment does not say which it is."""
    try:
        return ranks().first
    except UserError:
        return True


def _number(name: str, default: int = 0) -> int:
    """An environment variable that holds a number from 0 on. Raises UserError for another text."""
    text = os.environ.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise UserError(f"{name}={text!r} in the environment: give a number from 0 on, or unset it")
    return int(text)


def _within(rank: str, world: str, launch: Sequence[str]) -> Ranks:
    local_rank()  # looked at now, not where the first tensor goes to a device
    ranks = Ranks(_number(rank), _number(world), "-".join(launch))
    if not ranks.rank < ranks.world:
        raise UserError(
            f"{rank}={ranks.rank} and {world}={ranks.world} in the environment: give each process a {rank} of its own, "
            f"from 0 to {world} - 1, or unset both"
        )
    return ranks
