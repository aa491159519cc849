"""Which process this is, where several were started by torchrun or SLURM: read from the environment, without torch."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass


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
    return int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0")))


def ranks() -> Ranks:
    """From torchrun's variables, else SLURM's (more than one task), else a process alone."""
    env = os.environ
    if "RANK" in env and "WORLD_SIZE" in env:
        launch = [env.get(name, "0") for name in ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_PORT")]
        return Ranks(int(env["RANK"]), int(env["WORLD_SIZE"]), "-".join(launch))
    if int(env.get("SLURM_NTASKS", "1")) > 1 and "SLURM_PROCID" in env:
        launch = [env.get(name, "0") for name in ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")]
        return Ranks(int(env["SLURM_PROCID"]), int(env["SLURM_NTASKS"]), "-".join(launch))
    return Ranks(0, 1, "alone")


def wait_for(condition: Callable[[], bool], *, seconds_between: float = 0.2) -> None:
    """Returns once `what()` is true. The launcher ends this process if the one that it waits for fails."""
    while not condition():
        time.sleep(seconds_between)
