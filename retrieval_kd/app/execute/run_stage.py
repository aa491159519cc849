"""Runs one stage's function in this process."""

import importlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from retrieval_kd.app.execute.artifacts import write_json
from retrieval_kd.app.plan import plugins
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.stage_kinds import KINDS
from retrieval_kd.app.stages.tracking import RunInfo
from retrieval_kd.app.stages.work import Work

if TYPE_CHECKING:
    from retrieval_kd.app.stages.loggers import StageLogger

_log = logging.getLogger(__name__)


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
    plugins: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """As YAML."""
        path.write_text(OmegaConf.to_yaml(OmegaConf.create(asdict(self))), encoding="utf-8")

    @staticmethod
    def read(path: Path) -> "Task":
        """What `write` wrote."""
        values = OmegaConf.to_container(OmegaConf.load(path))
        assert isinstance(values, dict)
        return Task(**{str(key): value for key, value in values.items()})


def function_at(place: str) -> Callable[[DictConfig, Work], Any]:
    """The function that a kind of stage names as `module:name`; imports what it needs."""
    module, _, name = place.partition(":")
    function: Callable[[DictConfig, Work], Any] = getattr(importlib.import_module(module), name)
    return function


def run_stage(task: Task, *, rank: int = 0) -> None:
    """Calls the function of the stage's kind, with the task's plugins; on rank 0 tracks it, and leaves metrics.json in
    its folder. Other ranks call its helper, where the kind has one, and else the function too.
    """
    with plugins.allowed(task.plugins):
        _run_stage(task, rank)


def _run_stage(task: Task, rank: int) -> None:
    kind = KINDS[task.run]
    if rank and kind.helper is not None:
        help_with(task, kind.helper)
        return
    function = function_at(kind.function)
    _threads(task.machine)
    folder = Path(task.folder)
    loggers = _loggers(task, rank)
    work = Work(folder, Path(task.artifacts), task.machine, task.tracking, task.save_every, tuple(loggers))
    status = "failed"
    try:
        metrics = function(OmegaConf.create(task.config), work)
        if rank == 0:
            write_json(folder / "metrics.json", metrics)
            work.log(None, **dict(_numbers(metrics)))
        status = "success"
    finally:
        for logger in loggers:
            logger.close(status)


def help_with(task: Task, helper: str) -> None:
    """Takes over some of what the first process encodes or scores."""
    _threads(task.machine)
    work = Work(Path(task.folder), Path(task.artifacts), task.machine)
    try:
        function_at(helper)(OmegaConf.create(task.config), work)
    except Exception as failure:  # the first process does without it, or meets the same error
        _log.error("%s: a process that helped has stopped (%s)", task.stage, failure)


def _loggers(task: Task, rank: int) -> "list[StageLogger]":
    """Those of the first rank write; callbacks want a logger on every rank, so the others have one that does not."""
    from retrieval_kd.app.stages.loggers import Silent

    if rank:
        return [Silent()]
    artifact = Path(task.folder).name.removesuffix(".part")
    info = RunInfo(task.recipe, task.stage, task.run, artifact, task.config)
    opened: list[StageLogger] = build(task.tracking, "tracking").open(info, Path(task.folder))
    return opened


def _numbers(metrics: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """test/nDCG@10 for {test: {nDCG@10: …}}; texts and lists have their file alone."""
    for key, value in metrics.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float):
            yield f"{prefix}{key}", value


def _threads(machine: dict[str, Any]) -> None:
    if machine.get("threads") is not None:
        import torch

        torch.set_num_threads(int(machine["threads"]))
