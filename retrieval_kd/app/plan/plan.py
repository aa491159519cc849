"""From the words of a command line to a plan: stages with keys, what left, what was set aside."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from retrieval_kd.app.cli.overrides import Word, has
from retrieval_kd.app.cli.suggest import did_you_mean
from retrieval_kd.app.cli.user_errors import refuse
from retrieval_kd.app.plan import key_groups
from retrieval_kd.app.plan.compose_overrides import composed, root_of, words_of
from retrieval_kd.app.plan.content_digests import unreached
from retrieval_kd.app.plan.options import ROOT_KEYS, Options
from retrieval_kd.app.plan.recipe import Composed, commands
from retrieval_kd.app.plan.stage import Left, Stage, corpus_fits, kept, keyed, stages
from retrieval_kd.app.plan.unused_overrides import notes
from retrieval_kd.text.lines import at_home

OUTSIDE = ("machine", "tracking")  # groups that no stage reads


@dataclass(frozen=True)
class Plan:
    """What is to be done. `notes` are sentences to print: words set aside, teachers that nobody reads."""

    recipe: str
    artifacts: Path
    stage: str | None
    fresh: str | None
    dry_run: bool
    save_every: int
    machine: dict[str, Any] = field(repr=False)
    tracking: dict[str, Any] = field(repr=False)
    stages: tuple[Stage, ...]
    left: tuple[Left, ...]
    notes: tuple[str, ...]

    def named(self, name: str) -> Stage:
        """The stage of this name."""
        return next(stage for stage in self.stages if stage.name == name)


@dataclass(frozen=True)
class Draft:
    """A plan that was not checked yet, and what it was made of: the words, the root config, every stage as composed.

    `stay` are the plan's stages, those without a key too; `unkeyed` says what keeps a stage from having one,
    `unreached` which weights lie at a hub that does not answer.
    """

    plan: Plan
    words: tuple[Word, ...]
    root: DictConfig
    made: tuple[Composed, ...]
    stay: tuple[Stage, ...]
    options: Options
    unkeyed: tuple[str, ...]
    unreached: tuple[str, ...]


def draft_of(texts: Sequence[str], options: Options) -> Draft:
    """The plan of a command line, not checked yet. Raises Faults for words and stages that cannot be composed."""
    words = words_of(texts, options)
    root = root_of(words, options)
    listed = commands(root.stages, options)
    made, wrong = composed(listed, words, options)
    wrong += _unknown_stages(words, root, [command.name for command in listed])
    wrong += _unknown_keys(words, root, options)
    refuse(wrong)
    stay, left = kept(stages(made), asked=root.stage)
    done, unkeyed = keyed([stage for stage in stay if corpus_fits(stage)])
    plan = _plan(key_groups.resolved(root), done, left, notes(words, made, stay))
    away = unreached(stage.config for stage in stay)
    return Draft(plan, tuple(words), root, tuple(made), tuple(stay), options, tuple(unkeyed), tuple(away))


def _unknown_stages(words: Sequence[Word], root: DictConfig, names: Sequence[str]) -> list[str]:
    asked = [(f"{key}={root[key]}", root[key]) for key in ("stage", "fresh") if root[key] is not None]
    asked += [(word.said, word.stage) for word in words if word.stage is not None]
    return [
        f"{said}: {root.name} has no such stage{did_you_mean(name, names)}" for said, name in asked if name not in names
    ]


def _unknown_keys(words: Sequence[Word], root: DictConfig, options: Options) -> list[str]:
    """Words whose first name is no key of the config, and those about the machine or the tracking that name no key of
    the option that is chosen.
    """
    found = []
    for word in words:
        if not word.chooses and word.group not in ROOT_KEYS and word.adds:
            found.append(str(options.fault_of_key(word, [])))
        elif word.group in OUTSIDE and not word.chooses and not has(root, word.key):
            there = ", ".join(f"{word.group}.{key}" for key in root[word.group] if key != "_target_") or "none"
            other = "; say tracking=wandb with it" if word.key == "tracking.mode" else ""
            found.append(f"{word.said}: there is no key {word.key}{other}; there are: {there}")
    return found


def _plan(root: dict[str, Any], done: Sequence[Stage], left: Sequence[Left], notes: Sequence[str]) -> Plan:
    return Plan(
        recipe=root["name"],
        artifacts=at_home(root["artifacts"]),
        stage=root["stage"],
        fresh=root["fresh"],
        dry_run=root["dry_run"],
        save_every=root["save_every"],
        machine=root["machine"] or {},
        tracking=root["tracking"] or {},
        stages=tuple(done),
        left=tuple(left),
        notes=tuple(notes),
    )
