"""Ours: training steps from a collection of a given size, with loader workers; the anonymous memory of all of them."""

import tempfile
from pathlib import Path
from typing import Any

from experiments.speed.ours.large import candidates, large
from experiments.speed.ours.opened import lists_module, optim_of, option, student_of
from experiments.speed.ours.timed import STEPS, train
from experiments.speed.worker import Turn
from retrieval_kd.app.plan.instantiate import build


def run(settings: dict[str, Any], turn: Turn) -> None:
    count = max(settings["passages"] // settings.get("divide_passages", 1), 1000)
    student = student_of(settings)
    with tempfile.TemporaryDirectory() as folder:
        candidates(count, Path(folder) / "candidates.trec")
        told = {**settings, "task": folder}
        data = lists_module(told, large(count, Path(settings["model"])), student, STEPS, stored=False)
        objective = build(option("loss/contrastive.yaml"))
        train(turn, {"student": student}, objective, data, optim_of(settings, STEPS))
