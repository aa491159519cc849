"""Ours: MaxSim of queries against all passages, forward and backward."""

from typing import Any

from experiments.speed.limits.vectors import repeat
from experiments.speed.worker import Turn
from retrieval_kd.scorers.late import max_sim


def run(settings: dict[str, Any], turn: Turn) -> None:
    repeat(settings, turn, max_sim)
