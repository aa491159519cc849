"""Ours: the distillation step, listwise KL from stored scores, in a real training (`retrieval_kd.distil.fit`)."""

from pathlib import Path
from typing import Any

from experiments.speed.ours.opened import corpus_of, lists_module, optim_of, option, student_of
from experiments.speed.ours.timed import STEPS, train
from experiments.speed.worker import Turn
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.losses.objective import Objective


def run(settings: dict[str, Any], turn: Turn) -> None:
    student = student_of(settings)
    stored = build({**option("teacher/stored.yaml")["stored"], "file": "scores"})
    kl = option("loss/listwise_kl.yaml")["terms"]["kl"]
    term = build({**kl, "learner": "student", "guide": "stored", "over": "list", "weight": 1.0})
    data = lists_module(settings, corpus_of(Path(settings["task"])), student, STEPS, stored=True)
    optim = optim_of(settings, STEPS)
    device = settings.get("device", "cpu")
    train(turn, {"student": student, "stored": stored}, Objective({"kl": term}), data, optim, device=device)
