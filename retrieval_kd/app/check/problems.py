"""What is refused before anything loads: all problems of a plan, each a sentence that names what to give instead."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrieval_kd.app.check.callbacks import callback_problems
from retrieval_kd.app.check.depths import depth_problems
from retrieval_kd.app.check.forms import form_problems
from retrieval_kd.app.check.rankers import argument_problems, ranker_problems
from retrieval_kd.app.check.roles import lacking_tower_problems
from retrieval_kd.app.check.scorers import scorer_problems
from retrieval_kd.app.check.training import train_problems
from retrieval_kd.app.cli.overrides import Override
from retrieval_kd.app.cli.process_env import Ranks, ranks
from retrieval_kd.app.cli.schema import HALVES
from retrieval_kd.app.plan import resolved_config, roles, signatures
from retrieval_kd.app.plan.accepts import value_problems
from retrieval_kd.app.plan.forms import with_forms
from retrieval_kd.app.plan.instantiate import build, forbidden
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.stage import Stage
from retrieval_kd.app.plan.trainer_options import trainer_problems, unknown_options
from retrieval_kd.errors import UserError

MANY = 256  # threads or processes of one machine, whatever it has
GREATEST_SEED = 2**63 - 1  # that torch takes


def stage_problems(
    stages: Sequence[Stage], root: Mapping[str, Any], overrides: Sequence[Override], options: Options
) -> list[str]:
    """Every problem of the stages, and of the machine they are to run on; none twice."""
    foreign = list(forbidden(root["tracking"], "tracking"))
    foreign += [problem for stage in stages for key, node in stage.whole.items() for problem in forbidden(node, key)]
    if foreign:  # nothing else is looked at, since looking builds what a node names
        return list(dict.fromkeys(foreign))
    problems = list(machine_problems(root, stages, ranks()))
    made_by = {stage.name: stage.config for stage in stages}
    lists = {stage.name: (stage.kind, stage.config) for stage in stages}
    # by their constructors, whose modules take a second to import: not where nobody changes what the options say
    ranked_otherwise = any(override.group in ("ranker", "evaluation") for override in overrides)
    for stage in stages:
        problems += [f"{key} is left to you: give {key}=…" for key in resolved_config.missing(stage.config)]
        misfits = [problem for key, node in stage.config.items() for problem in signatures.problems(node, key)]
        problems += misfits
        if stage.kind.trains and not misfits:
            problems += train_problems(with_forms(stage.whole, made_by), overrides, options, made_by)
            problems += callback_problems(stage.config.get("callbacks") or {}, root["machine"]["accelerator"])
        if not misfits:
            problems += scorer_problems(with_forms(stage.config, made_by), made_by)
            problems += form_problems(stage.config, made_by)
        if stage.kind.ranks:
            problems += ranker_problems(stage.config)
            problems += argument_problems(stage.config) if ranked_otherwise and not misfits else []
        if not stage.kind.trains and roles.passages_of(stage.config):
            problems += lacking_tower_problems(stage.whole)
        if not misfits:
            problems += depth_problems(stage.name, stage.kind, stage.config, lists)
        if stage.kind.mines and not misfits:
            problems += mining_problems(stage.config["mining"])
        if stage.kind.evaluates and not misfits:
            problems += evaluation_problems(stage.config["evaluation"])
    return list(dict.fromkeys(problems))


def root_problems(key: str, value: Any) -> Iterator[str]:
    """What does not fit of a value that stands beside the groups, of the machine and of the tracking."""
    accepts = signatures.accepted({}, key)
    if accepts is not None:
        yield from value_problems(value, accepts, key)
    elif key == "machine":
        options = value.get("trainer", {})
        problems = list(unknown_options(options)) or list(signatures.problems(value, key))
        yield from problems or trainer_problems(options)
    elif key == "tracking":
        yield from signatures.problems(value, key)


def unread_student_problems(stages: Sequence[Stage]) -> list[str]:
    """Evaluations of a student whose ranker does not read it: they would print another system's numbers as its own."""
    sentences = []
    for stage in stages:
        wired = str((stage.whole.get("student") or {}).get("checkpoint") or "")
        if stage.kind.evaluates and "student" not in stage.config and "${artifact:" in wired:
            sentences.append(
                f"stage {stage.name}: its ranker reads no scorer, so the student that it should evaluate is not read: "
                "leave ranker= out, or change it for one stage alone, as in +at.mined.ranker=bm25"
            )
    return sentences


def machine_problems(root: Mapping[str, Any], stages: Sequence[Stage], launched: Ranks) -> Iterator[str]:
    """A step that does not divide, a machine that is not there, a tracking that is none."""
    machine = root["machine"]
    numbers = {"devices": 1, "nodes": 1, "workers": 0} | ({} if machine["threads"] is None else {"threads": 1})
    yield from (
        f"machine.{key}={machine[key]}: give true or false"
        for key in ("remember", "fused", "compile")
        if type(machine.get(key, True)) is not bool
    )
    wrong = {key: least for key, least in numbers.items() if type(machine[key]) is not int or machine[key] < least}
    yield from (f"machine.{key}={machine[key]}: give a number from {least} on" for key, least in wrong.items())
    greatest = max(os.cpu_count() or 1, MANY)  # more processes or threads are nobody's wish, and kill this one
    great = [key for key in numbers if key not in wrong and key != "nodes" and machine[key] > greatest]
    yield from (f"machine.{key}={machine[key]}: give at most {greatest} on this machine" for key in great)
    if wrong or great:
        return
    devices, nodes = machine["devices"], machine["nodes"]
    product = f"machine.devices={devices} and machine.nodes={nodes}"
    if launched.world > 1 and launched.world != devices * nodes:
        yield f"{product}, but {launched.world} processes were started: let the product be {launched.world}"
    if nodes > 1 and launched.world == 1:
        yield f"machine.nodes={nodes}: start this command on every node with torchrun or SLURM's srun"
    if machine["accelerator"] not in ("auto", "cpu", "gpu"):
        yield f"machine.accelerator={machine['accelerator']}: give auto, cpu or gpu"
    elif machine["accelerator"] == "gpu" and not root["dry_run"] and _gpus() < devices:
        yield f"machine.accelerator=gpu and machine.devices={devices}: torch sees {_gpus()} GPUs here; set machine=cpu"
    if root["save_every"] < 1:
        yield f"save_every={root['save_every']}: give at least 1 step"
    for precision in dict.fromkeys(stage.config.get("precision") for stage in stages):
        if precision is not None and precision not in HALVES:
            yield f"precision={precision}: give {', '.join(HALVES)}, or null for float32; training has optim.precision"
    for seed in dict.fromkeys([root["seed"], *(stage.config.get("seed", 0) for stage in stages)]):
        if not 0 <= seed <= GREATEST_SEED:
            yield f"seed={seed}: give a number from 0 on, up to {GREATEST_SEED}"
    if not any(signatures.problems(root["tracking"], "tracking")):
        try:
            build(root["tracking"], "tracking")
        except UserError as error:
            yield str(error)
    for stage in stages:
        if stage.kind.trains:
            yield from division_problems(stage.config["data"], devices * nodes)


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def division_problems(data: Mapping[str, Any], processes: int) -> Iterator[str]:
    """Queries of a step over processes and over pools: nothing may be left over."""
    queries, pool = data.get("queries_per_step"), data.get("queries_per_pool")
    if not isinstance(queries, int) or queries < 1:
        return
    if queries % processes:
        near = max(processes, round(queries / processes) * processes)
        yield (
            f"data.queries_per_step={queries} cannot be divided over {processes} processes: give a multiple, "
            f"such as {near}"
        )
    if isinstance(pool, int) and (pool < 1 or queries % pool):
        yield f"data.queries_per_step={queries} is no multiple of data.queries_per_pool={pool}: give a divisor of it"


def mining_problems(mining: Mapping[str, Any]) -> Iterator[str]:
    """Ranks that are none; a selection that reads an earlier stage's run is built when that is there."""
    if "${artifact:" in str(mining):
        return
    try:
        build(mining, "mining")
    except UserError as error:
        yield f"mining: {error}"


def evaluation_problems(evaluation: Mapping[str, Any]) -> Iterator[str]:
    """A split or a measure that is none, a ranking without depth."""
    from retrieval_kd.measures.evaluate import parse
    from retrieval_kd.text.corpus import SPLITS

    unknown = [split for split in evaluation["splits"] if split not in SPLITS]
    if unknown or not evaluation["splits"]:
        yield f"evaluation.splits={evaluation['splits']}: give some of {', '.join(SPLITS)}"
    if not isinstance(evaluation["depth"], int) or evaluation["depth"] < 1:
        yield f"evaluation.depth={evaluation['depth']}: give at least 1"
    try:
        parse(evaluation["measures"])
    except UserError as error:
        yield f"evaluation.measures: {error}"
