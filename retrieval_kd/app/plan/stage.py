"""A stage: its kind, the config it reads and the key of what it makes; which stages stay in a plan."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from retrieval_kd.app.cli.suggest import did_you_mean
from retrieval_kd.app.plan import artifact_references, class_facts, plugins, resolved_config, roles, signatures
from retrieval_kd.app.plan.callbacks import ONLOOKERS
from retrieval_kd.app.plan.content_digests import with_digests
from retrieval_kd.app.plan.instantiate import targets
from retrieval_kd.app.plan.recipe import Composed
from retrieval_kd.app.plan.stage_kinds import KINDS, StageKind, whom
from retrieval_kd.errors import UserError

KEYED_IN_PART = ("optim", "ranker", "evaluation")  # groups with options that say how, not what


@dataclass(frozen=True)
class Stage:
    """One stage of a recipe: `run` names its kind, `config` is what it reads, cut out of the `whole`; both hold
    references to earlier stages. `key` names what it makes, and is the digest of `key_of`.
    """

    name: str
    run: str
    title: str
    config: dict[str, Any] = field(repr=False)
    whole: dict[str, Any] = field(repr=False)
    inputs: tuple[str, ...]
    key: str = ""
    key_of: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> StageKind:
        """What stages like this do."""
        return KINDS[self.run]

    @property
    def judges(self) -> str | None:
        """Whom it evaluates: student or teacher; None where it evaluates nobody."""
        return whom(self.config) if self.kind.evaluates else None

    @property
    def artifact(self) -> str:
        """The name of its folder."""
        return f"{self.run}-{self.key[:16]}"


@dataclass(frozen=True)
class LeftOut:
    """A stage that is not in the plan, and why."""

    name: str
    why: str


def stages(composed: Sequence[Composed]) -> list[Stage]:
    """Every stage of the recipe with the config it reads, no keys yet. Raises UserError if a reference leads
    nowhere.
    """
    listed: list[Stage] = []
    for composed_stage in composed:
        command, whole = composed_stage.command, _resolved(composed_stage)
        config = KINDS[command.run].read_of(whole)
        stage = Stage(
            command.name, command.run, command.title, config, whole, tuple(artifact_references.inputs(config))
        )
        for name in stage.inputs:
            if name not in {earlier.name for earlier in listed}:
                earlier = [other.name for other in listed]
                raise UserError(
                    f"stage {command.name} reads ${{artifact:{name}}}, no stage before it{did_you_mean(name, earlier)}"
                )
        listed.append(stage)
    return listed


def _resolved(composed_stage: Composed) -> dict[str, Any]:
    try:
        return resolved_config.resolved(composed_stage.config)
    except UserError as error:
        raise UserError(f"stage {composed_stage.command.name}: {error}") from None


def needed_stages(listed: Sequence[Stage], *, asked: str | None) -> tuple[list[Stage], list[LeftOut]]:
    """Those in the plan (evaluations, what is asked for or read by one in it, the last of all), and those left out."""
    in_plan: list[Stage] = []
    left_out: list[LeftOut] = []
    needed = {listed[-1].name, asked} if listed else set()
    by_name = {stage.name: stage for stage in listed}
    for stage in reversed(listed):
        if stage.name != asked and _teaches_nobody(stage, by_name):
            left_out.append(LeftOut(stage.name, "no teacher is read"))
        elif stage.kind.evaluates or stage.name in needed:
            in_plan.append(stage)
            needed |= set(stage.inputs)
        else:
            left_out.append(LeftOut(stage.name, "no stage reads what it makes"))
    return in_plan[::-1], left_out[::-1]


def _teaches_nobody(stage: Stage, by_name: dict[str, Stage]) -> bool:
    """An evaluate stage for the teachers of a train stage that reads none but stored scores."""
    if stage.judges != "teacher":
        return False
    trained = [by_name[name] for name in artifact_references.inputs(stage.config["student"])]
    nodes = [node for other in trained for node in (other.config.get("teacher") or {}).values()]
    return not any(roles.reads_text(node) for node in nodes)


def corpus_fits(stage: Stage) -> bool:
    """Whether the corpus that a stage names can be built, to be looked at for its key."""
    return not any(signatures.problems(stage.config.get("corpus"), "corpus"))


def keyed(listed: Sequence[Stage]) -> tuple[list[Stage], list[str]]:
    """The stages with their keys, and what keeps any of them from having one (but for values still to be given)."""
    keyed_stages: dict[str, Stage] = {}
    problems: dict[str, None] = {}
    corpora: dict[str, str] = {}
    for stage in listed:
        if resolved_config.missing(stage.config):
            continue
        try:
            keyed_stages[stage.name] = _keyed(stage, keyed_stages, corpora)
        except UserError as error:
            problems.setdefault(str(error))
    return list(keyed_stages.values()), list(problems)


def keyed_part(config: dict[str, Any]) -> dict[str, Any]:
    """The config without what says how something is computed and not what: blocks, memory for time, and callbacks that
    only look on.
    """
    parts = {group: _keyed_part(node, group) for group, node in config.items() if group != "callbacks"}
    acting = {name: node for name, node in (config.get("callbacks") or {}).items() if node["_target_"] not in ONLOOKERS}
    return {**parts, "callbacks": acting} if acting else parts


def _keyed_part(node: Any, group: str) -> Any:
    if not isinstance(node, dict):
        return node
    keyed = group not in KEYED_IN_PART or "_target_" not in node
    beside = () if keyed else class_facts.texts(str(node["_target_"]), "KEYLESS")
    return {key: _keyed_part(value, group) for key, value in node.items() if key not in beside}


def _keyed(stage: Stage, earlier: dict[str, Stage], corpora: dict[str, str]) -> Stage:
    wired = artifact_references.replaced(keyed_part(stage.config), lambda name, role: _input_key(earlier, name, role))
    read = {"run": stage.run, "revision": stage.kind.revision, "config": with_digests(wired, corpora)}
    code = plugins.code_of(target for _, target in targets(stage.config))
    read |= {"plugins": code} if code else {}
    canonical = json.dumps(read, sort_keys=True, separators=(",", ":"))
    key = hashlib.sha256(canonical.encode()).hexdigest()
    return replace(stage, key=key, key_of=read)


def _input_key(earlier: dict[str, Stage], name: str, role: str | None) -> str:
    if name not in earlier:
        return "${artifact:unknown}"  # reported already
    return f"${{artifact:{earlier[name].key}{'.' + role if role else ''}}}"


def path_of(stage: Stage, role: str | None, artifacts: Path) -> str:
    """Where the artifact of a stage lies, as other stages read it: a scorer's folder or a run."""
    return str(artifacts / stage.artifact / stage.kind.makes.format(role=role or "student"))


def descendants(listed: Sequence[Stage], name: str) -> list[Stage]:
    """The stage and all that read what it makes, directly or not."""
    names = {name}
    for stage in listed:
        if names & set(stage.inputs):
            names.add(stage.name)
    return [stage for stage in listed if stage.name in names]
