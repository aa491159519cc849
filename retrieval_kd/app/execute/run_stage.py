"""Runs one stage's function in this process."""

import importlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from retrieval_kd.app.execute.artifacts import write_json
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.stages.tracking import Sink, Subject
from retrieval_kd.app.stages.work import Work

Verb = Callable[[DictConfig, Work], dict[str, Any]]
_log = logging.getLogger(__name__)

TOGETHER = "train"  # the verb that all processes perform; of any other they take over some of the work


@dataclass(frozen=True)
class Task:
    """All that a process needs to run a stage; plain values, so that they can be handed to another process as YAML."""

    recipe: str
    stage: str
    run: str
    config: dict[str, Any]
    folder: str
    artifacts: str
    machine: dict[str, Any]
    tracking: dict[str, Any]
    save_every: int

    def write(self, path: Path) -> None:
        """As YAML."""
        path.write_text(OmegaConf.to_yaml(OmegaConf.create(asdict(self))), encoding="utf-8")

    @staticmethod
    def read(path: Path) -> "Task":
        """What `write` wrote."""
        values = OmegaConf.to_container(OmegaConf.load(path))
        assert isinstance(values, dict)
        return Task(**{str(key): value for key, value in values.items()})


def verb(run: str) -> Verb:
    """The stage function of a verb; imports what it needs."""
    function: Verb = getattr(importlib.import_module(f"retrieval_kd.app.stages.{run}"), run)
    return function


def assistant(run: str) -> Callable[[DictConfig, Work], None]:
    """What takes over some of a verb's work."""
    function: Callable[[DictConfig, Work], None] = importlib.import_module(f"retrieval_kd.app.stages.{run}").assist
    return function


def run_stage(task: Task, *, rank: int = 0) -> None:
    """Calls the verb's function; on rank 0 tracks it, and leaves metrics.json in its folder. Other ranks take part in a
    training, and assist with anything else.
    """
    if rank and task.run != TOGETHER:
        assist(task)
        return
    function = verb(task.run)
    _threads(task.machine)
    folder = Path(task.folder)
    sinks = _sinks(task) if rank == 0 else []
    work = Work(folder, Path(task.artifacts), task.machine, task.tracking, task.save_every, tuple(sinks))
    metrics: dict[str, Any] | None = None
    try:
        metrics = function(OmegaConf.create(task.config), work)
        if rank == 0:
            write_json(folder / "metrics.json", metrics)
    finally:
        for sink in sinks:
            sink.finish(metrics)


def assist(task: Task) -> None:
    """Takes over some of what the first process encodes or scores, for a verb that has something to share."""
    _threads(task.machine)
    work = Work(Path(task.folder), Path(task.artifacts), task.machine)
    try:
        assistant(task.run)(OmegaConf.create(task.config), work)
    except Exception as failure:  # the first process does without, or tells of the fault
        _log.error("%s: a process that helped has stopped (%s)", task.stage, failure)


def _sinks(task: Task) -> list[Sink]:
    artifact = Path(task.folder).name.removesuffix(".part")
    found: list[Sink] = build(task.tracking, "tracking").follow(
        Subject(task.recipe, task.stage, task.run, artifact, task.config), Path(task.folder)
    )
    return found


def _threads(machine: dict[str, Any]) -> None:
    if machine.get("threads") is not None:
        import torch

        torch.set_num_threads(int(machine["threads"]))
