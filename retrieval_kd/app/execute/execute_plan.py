"""Runs a plan: each stage that is not sealed is made under a lock in a part folder, and sealed when it is whole."""

import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from retrieval_kd.app.cli.user_errors import refuse
from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.execute.launch import Launch
from retrieval_kd.app.execute.manifest import manifest
from retrieval_kd.app.execute.run_stage import Task, run_stage
from retrieval_kd.app.execute.torchrun import run_by_torchrun
from retrieval_kd.app.plan import artifact_references
from retrieval_kd.app.plan.content_digests import fingerprint
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import Stage, descendants, path_of
from retrieval_kd.errors import UserError

_log = logging.getLogger(__name__)


def execute_plan(plan: Plan, launch: Launch) -> None:
    """Makes what the plan lacks, in order; with `stage` only that. The first process is present in the launch. Raises
    UserError if one of its inputs is not there.
    """
    _discard_fresh(plan, launch)
    if launch.group.first:
        refuse_damaged(plan, _read_of(plan))
    for stage in plan.stages:
        if plan.stage is None or stage.name == plan.stage:
            _ensure(plan, stage, launch)


def unsealed_stages(plan: Plan) -> list[Stage]:
    """The stages that are not sealed; with `stage` only that. Raises UserError if an input of that is not there."""
    stages = [stage for stage in plan.stages if plan.stage in (None, stage.name)]
    lacking = [stage for stage in stages if not artifacts.is_sealed(plan.artifacts / stage.artifact)]
    if plan.stage is not None:
        for stage in lacking:
            _inputs_made(plan, stage)
    return lacking


def _discard_fresh(plan: Plan, launch: Launch) -> None:
    """Discards what `fresh` names and all that descends from it; other ranks wait for the mark that it is done, of this
    launch and of none before it.
    """
    if plan.fresh is None:
        return
    if not launch.group.first:
        launch.wait_for(lambda: launch.seen and launch.mark.exists())
        return
    for stage in descendants(plan.stages, plan.fresh):
        if plan.stage in (None, stage.name):
            with artifacts.locked(plan.artifacts / stage.artifact):  # not under the hands of a process that makes it
                artifacts.discard(plan.artifacts / stage.artifact)
    if launch.group.world > 1:
        launch.mark.touch()


def _ensure(plan: Plan, stage: Stage, launch: Launch) -> None:
    folder = plan.artifacts / stage.artifact
    if artifacts.is_sealed(folder):
        return
    _inputs_made(plan, stage)
    if not launch.group.first:
        _follow(plan, stage, launch)
        return
    with artifacts.locked(folder) as lock:
        if artifacts.is_sealed(folder):
            return
        refuse_damaged(plan, map(plan.named, stage.inputs))
        _log.info("%s: %s → %s", stage.name, stage.run, folder)
        _make(plan, stage, launch, lock)


def _read_of(plan: Plan) -> list[Stage]:
    """The sealed stages that a run reads: the inputs of those that it makes, and the evaluations that it shows."""
    lacking = unsealed_stages(plan)
    inputs = {name for stage in lacking for name in stage.inputs}
    sealed = [stage for stage in plan.stages if artifacts.is_sealed(plan.artifacts / stage.artifact)]
    return [stage for stage in sealed if stage.name in inputs or stage.kind.evaluates]


def refuse_damaged(plan: Plan, stages: Iterable[Stage]) -> None:
    """Raises UserErrors for artifacts of which a file is not what was sealed, with what makes each again."""
    refuse(
        f"{damage}; make it again: the same command with fresh={stage.name}"
        for stage in stages
        if (damage := artifacts.damage(plan.artifacts / stage.artifact))
    )


def _inputs_made(plan: Plan, stage: Stage) -> None:
    for name in stage.inputs:
        if not artifacts.is_sealed(plan.artifacts / plan.named(name).artifact):
            needs = f"stage={stage.name} needs what {name} makes, which is not there"
            raise UserError(f"{needs}: run stage={name} first, or leave stage= out")


def _make(plan: Plan, stage: Stage, launch: Launch, lock: int) -> None:
    folder = plan.artifacts / stage.artifact
    inputs = {name: plan.named(name).artifact for name in stage.inputs}
    part = artifacts.begin(folder, config=stage.config, inputs=inputs)
    began, task = time.monotonic(), task_of(plan, stage)
    if launch.group.world > 1 or plan.machine.get("devices", 1) == 1 or not _can_be_shared(stage):
        if launch.group.world > 1:
            (part / launch.begun).touch()
        run_stage(task)
    else:
        run_by_torchrun(task, lock=lock)
    artifacts.write_json(part / artifacts.KEY, stage.key_of)
    artifacts.write_json(part / artifacts.MANIFEST, _manifest(plan, stage, part, time.monotonic() - began))
    artifacts.seal(folder)


def _can_be_shared(stage: Stage) -> bool:
    """Whether several processes have something to do: whatever trains or encodes."""
    return bool(stage.config.get("student") or stage.config.get("teacher"))


def _manifest(plan: Plan, stage: Stage, part: Path, seconds: float) -> dict[str, Any]:
    names = {"name": stage.name, "recipe": plan.recipe, "run": stage.run, "key": stage.key}
    return manifest(
        part,
        stage={**names, "seed": stage.config.get("seed")},
        command=plan.command,
        corpus=fingerprint(stage.config["corpus"]),
        inputs={name: plan.artifacts / plan.named(name).artifact for name in stage.inputs},
        seconds=seconds,
    )


def task_of(plan: Plan, stage: Stage) -> Task:
    """The stage with references to artifacts turned into paths: all that a process needs to run it."""
    config = artifact_references.replaced(
        stage.config, lambda name, role: path_of(plan.named(name), role, plan.artifacts)
    )
    return Task(
        recipe=plan.recipe,
        stage=stage.name,
        run=stage.run,
        config=config,
        folder=str(artifacts.part_folder(plan.artifacts / stage.artifact)),
        artifacts=str(plan.artifacts),
        machine=plan.machine,
        tracking=plan.tracking,
        save_every=plan.save_every,
        plugins=plan.plugins,
    )


def _follow(plan: Plan, stage: Stage, launch: Launch) -> None:
    """A rank but the first: takes part once the first has begun, then waits until the artifact is whole."""
    folder = plan.artifacts / stage.artifact
    part = artifacts.part_folder(folder)
    if _can_be_shared(stage):
        launch.wait_for(lambda: artifacts.is_sealed(folder) or (launch.seen and (part / launch.begun).exists()))
        if not artifacts.is_sealed(folder):
            run_stage(task_of(plan, stage), rank=launch.group.rank)
    launch.wait_for(lambda: artifacts.is_sealed(folder))
