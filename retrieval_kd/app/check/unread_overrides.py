"""What is refused of overrides without effect: a value that no stage of the plan can act on beside what else is
said.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from retrieval_kd.app.check.depths import evaluated, reranked
from retrieval_kd.app.check.given_lists import Made
from retrieval_kd.app.check.unread_options import across, declared
from retrieval_kd.app.check.unread_training import groups
from retrieval_kd.app.cli.overrides import Override, has
from retrieval_kd.app.plan.class_facts import fact
from retrieval_kd.app.plan.forms import with_forms
from retrieval_kd.app.plan.recipe import Composed
from retrieval_kd.app.plan.stage import Stage

_RECIPE = ("student", "teacher", "loss", "curriculum", "data", "ranker", "mining", "optim")
Node = Mapping[str, Any]


class Idle(NamedTuple):
    """Sentences about what has no effect: what is `refused`, and what is `named` only, a backbone whose place a
    checkpoint takes in every stage (whoever ranks a student again says the command that trained it, and a checkpoint).
    """

    refused: list[str]
    named: list[str]


def idle_overrides(overrides: Sequence[Override], made: Sequence[Composed], stay: Sequence[Stage]) -> Idle:
    """A sentence for each override that changes an option off its default and no stage's result, naming what would make
    it act; the overrides of a recipe are asked where none of the user's changes what they stand beside.
    """
    composed, made_by = {one.command.name: one for one in made}, {stage.name: stage.config for stage in stay}
    lists = {stage.name: (stage.kind, stage.config) for stage in stay}
    ranked = any(stage.judges == "teacher" for stage in stay)
    found: list[str] = []
    heard: dict[tuple[str, str], list[str | None]] = {}
    alone = not any(override.group in _RECIPE for override in overrides)
    for stage in stay:
        one, config = composed[stage.name], with_forms(stage.config, made_by)
        found += _idle_groups(stage, one, config)
        unread = [*across(stage.kind, config, ranked=ranked), *_beside(stage, lists), *_unjudged(stay)]
        for override in _values(one, stage, own=alone):
            whys = heard.setdefault((override.key, override.as_typed), [])
            whys.append(_why(override, [*declared(config, override.key), *unread]))
    named: list[str] = []
    for (key, said), whys in heard.items():
        if all(whys):
            (named if key.endswith(".backbone") else found).append(f"{said} has no effect: {whys[0]}")
    return Idle(found, named)


def _idle_groups(stage: Stage, one: Composed, config: Node) -> Iterator[str]:
    for path, why in groups(config) if stage.kind.trains else ():
        group = path.partition(".")[0]
        said = [
            override.as_typed
            for override in (*one.applied, *one.command.overrides)
            if override.chooses and override.group == group
        ]
        whole = path in (group, "data.dark")  # what the option itself is for
        yield f"stage {stage.name}: {said[0] if said and whole else path} has no effect: {why}"


def _values(one: Composed, stage: Stage, *, own: bool) -> Iterator[Override]:
    """The overrides of one stage that change a value of what it reads; a recipe may prepare a term that it
    leaves out.
    """
    recipes = (
        [override for override in one.command.overrides if not _left_out(stage.config, override.key)] if own else []
    )
    for override in (*one.applied, *recipes):
        there = (
            not override.chooses and not override.deletes and not override.optional and has(stage.config, override.key)
        )
        if there and one.defaults.get(override.key) != override.value:
            yield override


def _left_out(config: Node, key: str) -> bool:
    """Whether a key is of a term with weight 0."""
    path = key.split(".")
    terms = (config.get("loss") or {}).get("terms") or {}
    return path[:2] == ["loss", "terms"] and len(path) > 3 and (terms.get(path[2]) or {}).get("weight") == 0


def _beside(stage: Stage, lists: Made) -> Iterator[tuple[str, str]]:
    """What of an evaluation of teachers does not matter to the kinds that there are."""
    if stage.judges != "teacher":
        return
    late = any(fact(target, "exhaustive") == "small" for target in evaluated(stage.config, lists))
    if not late:
        yield "evaluation.exhaustive", "no teacher is a late-interaction one; set teacher=colbert"
    if not late and not reranked(stage.config, lists):
        for key in ("candidates", "candidates_per_query"):
            yield f"evaluation.{key}", "no teacher orders proposed lists; leave it to a cross-encoder's evaluation"


def _unjudged(stay: Sequence[Stage]) -> Iterator[tuple[str, str]]:
    """Queries without judgments that no training takes, where there are trainings."""
    taken = [bool(stage.config["data"].get("unjudged")) for stage in stay if stage.kind.trains]
    if taken and not any(taken):
        yield "corpus.unjudged", "no training draws queries without judgments; give data.unjudged=true"


def _why(override: Override, unread: Sequence[tuple[str, str]]) -> str | None:
    """What keeps an override from acting in a stage; None if nothing does."""
    for key, why in unread:
        if override.key == key or override.key.startswith(f"{key}."):
            return why
    return None
