"""From the overrides of a command line to a plan: stages with keys, what was left out, what was ignored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from retrieval_kd.app.cli.overrides import Override, has
from retrieval_kd.app.cli.suggest import did_you_mean
from retrieval_kd.app.cli.user_errors import refuse
from retrieval_kd.app.plan import plugins, resolved_config
from retrieval_kd.app.plan.compose_overrides import composed, overrides_of, root_of
from retrieval_kd.app.plan.content_digests import unreached
from retrieval_kd.app.plan.options import ROOT_KEYS, Options
from retrieval_kd.app.plan.recipe import Composed, commands
from retrieval_kd.app.plan.stage import LeftOut, Stage, corpus_fits, keyed, needed_stages, stages
from retrieval_kd.app.plan.trainer_options import TRAINER, unknown_key
from retrieval_kd.app.plan.unjudged import DRAWN, OFFERED, adapted, implied
from retrieval_kd.app.plan.unused_overrides import notes
from retrieval_kd.text.lines import at_home

UNREAD_GROUPS = ("machine", "tracking")  # groups that no stage reads


@dataclass(frozen=True)
class Plan:
    """What is to be done. `notes` are sentences to print: overrides that are ignored, teachers that no stage reads.
    `plugins` are the packages whose classes its configs may name; `command` are the overrides that it was made of.
    """

    recipe: str
    artifacts: Path
    stage: str | None
    fresh: str | None
    dry_run: bool
    save_every: int
    machine: dict[str, Any] = field(repr=False)
    tracking: dict[str, Any] = field(repr=False)
    stages: tuple[Stage, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    plugins: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def named(self, name: str) -> Stage:
        """The stage of this name."""
        return next(stage for stage in self.stages if stage.name == name)


@dataclass(frozen=True)
class Draft:
    """A plan that was not checked yet, and what it was made of: the overrides, the root config, every stage as
    composed.

    `composed` are all stages of the recipe, `stages` those in the plan, without a key too; `unkeyed` says what keeps a
    stage from having one,
    `unreached` which weights lie at a hub that does not answer.
    """

    plan: Plan
    overrides: tuple[Override, ...]
    root: DictConfig
    composed: tuple[Composed, ...]
    stages: tuple[Stage, ...]
    options: Options
    unkeyed: tuple[str, ...]
    unreached: tuple[str, ...]


def draft_of(texts: Sequence[str], options: Options) -> Draft:
    """The plan of a command line, not checked yet. Raises UserErrors for overrides and stages that cannot be
    composed.
    """
    overrides = overrides_of(texts, options)
    root = root_of(overrides, options)
    listed = commands(root.stages, options)
    offered = implied(overrides, root)
    composed_stages, problems = composed(listed, [*overrides, *offered], options)
    problems += _unknown_stages(overrides, root, [command.name for command in listed])
    problems += _unknown_keys(overrides, root, options)
    problems += _foreign_plugins(root)
    refuse(problems)
    set_here = adapted(composed_stages, offered=bool(offered))
    in_plan, left_out = needed_stages(stages(composed_stages), asked=root.stage)
    keyed_stages, unkeyed = keyed([stage for stage in in_plan if corpus_fits(stage)])
    remarks = notes(overrides, composed_stages, in_plan)
    remarks += [f"{OFFERED}=true, which {DRAWN}=true asks for"] if offered else []
    names = {stage.name for stage in in_plan}
    remarks += dict.fromkeys(note.sentence for note in set_here if note.stage in names)
    plan = _plan(texts, resolved_config.resolved(root), keyed_stages, left_out, remarks)
    unreached_weights = unreached(stage.config for stage in in_plan)
    return Draft(
        plan,
        tuple(overrides),
        root,
        tuple(composed_stages),
        tuple(in_plan),
        options,
        tuple(unkeyed),
        tuple(unreached_weights),
    )


def _unknown_stages(overrides: Sequence[Override], root: DictConfig, names: Sequence[str]) -> list[str]:
    asked = [(f"{key}={root[key]}", root[key]) for key in ("stage", "fresh") if root[key] is not None]
    asked += [(override.as_typed, override.stage) for override in overrides if override.stage is not None]
    return [
        f"{as_typed}: {root.name} has no such stage{did_you_mean(name, names)}"
        for as_typed, name in asked
        if name not in names
    ]


def _unknown_keys(overrides: Sequence[Override], root: DictConfig, options: Options) -> list[str]:
    """Overrides whose first name is no key of the config, and those about the machine or the tracking that name no key
    of the option that is chosen.
    """
    problems = []
    for override in overrides:
        if not override.chooses and override.group not in ROOT_KEYS and override.adds:
            problems.append(str(options.problem_of_key(override, [])))
        elif (
            override.key.startswith(f"{TRAINER}.")
            and not override.deletes
            and not override.adds
            and not has(root, override.key)
        ):
            problems.append(unknown_key(override.key.removeprefix(f"{TRAINER}.")))
        elif override.group in UNREAD_GROUPS and not override.chooses and not has(root, override.key):
            known = ", ".join(f"{override.group}.{key}" for key in root[override.group] if key != "_target_") or "none"
            also = "; set tracking=wandb with it" if override.key == "tracking.mode" else ""
            problems.append(f"{override.as_typed}: there is no key {override.key}{also}; there are: {known}")
    return problems


def _foreign_plugins(root: DictConfig) -> list[str]:
    """Plugins that an option file names: who names one lets its code run, so that only the command line does."""
    listed = ",".join(map(str, root.plugins))
    if tuple(root.plugins) == plugins.allowed_packages():
        return []
    return [
        f"an option file sets plugins: [{listed}]: leave it out there, and give plugins=[{listed}] on the command line"
    ]


def _plan(
    texts: Sequence[str],
    root: dict[str, Any],
    keyed_stages: Sequence[Stage],
    left_out: Sequence[LeftOut],
    notes: Sequence[str],
) -> Plan:
    return Plan(
        recipe=root["name"],
        artifacts=at_home(root["artifacts"]),
        stage=root["stage"],
        fresh=root["fresh"],
        dry_run=root["dry_run"],
        save_every=root["save_every"],
        machine=root["machine"] or {},
        tracking=root["tracking"] or {},
        stages=tuple(keyed_stages),
        left_out=tuple(left_out),
        notes=tuple(notes),
        plugins=plugins.allowed_packages(),
        command=tuple(texts),
    )
