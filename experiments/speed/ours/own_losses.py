"""Ours: a step of one of our own objectives; `self_otf` reads dual and late interaction through one encoder.

A unit of work is a query, or a step where the pools of both sides are equal.
"""

from pathlib import Path
from typing import Any

from experiments.speed.ours.opened import corpus_of, lists_module, optim_of, option, student_of
from experiments.speed.ours.timed import STEPS, train
from experiments.speed.worker import Turn
from retrieval_kd.app.plan.instantiate import build

_LATE = {"query_length": 256, "passage_length": 256}


def run(settings: dict[str, Any], turn: Turn) -> None:
    student = student_of(settings, normalize=True, scale=20.0)
    scorers: dict[str, Any] = {"student": student}
    if settings["loss"] == "self_otf":
        scorers["late"] = build(option("scorer/late.yaml", backbone=settings["model"], **_LATE), towers=student.towers)
    objective = build(option(f"loss/{settings['loss']}.yaml"))
    data = lists_module(settings, corpus_of(Path(settings["task"])), student, STEPS, stored=False)
    units = settings["queries_per_step"] * settings["times"] if "times" in settings else 1
    train(turn, scorers, objective, data, optim_of(settings, STEPS), units=units)
