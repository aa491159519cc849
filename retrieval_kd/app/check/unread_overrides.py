"""What is refused of overrides without effect: a value that no stage of the plan can act on beside the other
values.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from retrieval_kd.app.check.depths import judged_teachers, teachers_rerank
from retrieval_kd.app.check.given_lists import EarlierStages
from retrieval_kd.app.check.unread_options import declared_unread, unread_across_groups
from retrieval_kd.app.check.unread_training import unread_groups
from retrieval_kd.app.cli.overrides import Override, has
from retrieval_kd.app.plan.class_facts import fact
from retrieval_kd.app.plan.forms import with_forms
from retrieval_kd.app.plan.recipe import Composed
from retrieval_kd.app.plan.stage import Stage

_RECIPE = ("student", "teacher", "loss", "curriculum", "data", "ranker", "mining", "optim")
Node = Mapping[str, Any]


class WithoutEffect(NamedTuple):
    """Sentences about what has no effect: what is `refused`, and what is `named` only, a backbone whose place a
    checkpoint takes in every stage (whoever ranks a student again says the command that trained it, and a checkpoint).
    """

    refused: list[str]
    noted: list[str]


def overrides_without_effect(
    overrides: Sequence[Override], composed_stages: Sequence[Composed], stages: Sequence[Stage]
) -> WithoutEffect:
    """A sentence for each override that changes an option off its default and no stage's result, naming what would make
    it act; the overrides of a recipe are asked where none of the user's changes what they stand beside.
    """
    by_name, made_by = (
        {composed.command.name: composed for composed in composed_stages},
        {stage.name: stage.config for stage in stages},
    )
    lists = {stage.name: (stage.kind, stage.config) for stage in stages}
    ranked = any(stage.judges == "teacher" for stage in stages)
    refused: list[str] = []
    whys_by_override: dict[tuple[str, str], list[str | None]] = {}
    alone = not any(override.group in _RECIPE for override in overrides)
    for stage in stages:
        composed, config = by_name[stage.name], with_forms(stage.config, made_by)
        refused += _groups_without_effect(stage, composed, config)
        unread = [
            *unread_across_groups(stage.kind, config, ranked=ranked),
            *_of_teacher_evaluation(stage, lists),
            *_of_unjudged_queries(stages),
        ]
        for override in _changed_values(composed, stage, own=alone):
            whys = whys_by_override.setdefault((override.key, override.as_typed), [])
            whys.append(_why(override, [*declared_unread(config, override.key), *unread]))
    noted: list[str] = []
    for (key, as_typed), whys in whys_by_override.items():
        if all(whys):
            (noted if key.endswith(".backbone") else refused).append(f"{as_typed} has no effect: {whys[0]}")
    return WithoutEffect(refused, noted)


def _groups_without_effect(stage: Stage, composed: Composed, config: Node) -> Iterator[str]:
    for path, why in unread_groups(config) if stage.kind.trains else ():
        group = path.partition(".")[0]
        choices = [
            override.as_typed
            for override in (*composed.applied, *composed.command.overrides)
            if override.chooses and override.group == group
        ]
        whole = path in (group, "data.dark")  # what the option itself is for
        yield f"stage {stage.name}: {choices[0] if choices and whole else path} has no effect: {why}"


def _changed_values(composed: Composed, stage: Stage, *, own: bool) -> Iterator[Override]:
    """The overrides of one stage that change a value of what it reads; a recipe may prepare a term that it
    leaves out.
    """
    recipe_overrides = (
        [override for override in composed.command.overrides if not _left_out(stage.config, override.key)]
        if own
        else []
    )
    for override in (*composed.applied, *recipe_overrides):
        sets_a_value = (
            not override.chooses and not override.deletes and not override.optional and has(stage.config, override.key)
        )
        if sets_a_value and composed.defaults.get(override.key) != override.value:
            yield override


def _left_out(config: Node, key: str) -> bool:
    """Whether a key is of a term with weight 0."""
    path = key.split(".")
    terms = (config.get("loss") or {}).get("terms") or {}
    return path[:2] == ["loss", "terms"] and len(path) > 3 and (terms.get(path[2]) or {}).get("weight") == 0


def _of_teacher_evaluation(stage: Stage, lists: EarlierStages) -> Iterator[tuple[str, str]]:
    """What of an evaluation of teachers does not matter to the kinds that there are."""
    if stage.judges != "teacher":
        return
    late = any(fact(target, "exhaustive") == "small" for target in judged_teachers(stage.config, lists))
    if not late:
        yield "evaluation.exhaustive", "no teacher is a late-interaction one; set teacher=colbert"
    if not late and not teachers_rerank(stage.config, lists):
        for key in ("candidates", "candidates_per_query"):
            yield f"evaluation.{key}", "no teacher orders proposed lists; leave it to a cross-encoder's evaluation"


def _of_unjudged_queries(stages: Sequence[Stage]) -> Iterator[tuple[str, str]]:
    """Queries without judgments that no training takes, where there are trainings."""
    taken = [bool(stage.config["data"].get("unjudged")) for stage in stages if stage.kind.trains]
    if taken and not any(taken):
        yield "corpus.unjudged", "no training draws queries without judgments; give data.unjudged=true"


def _why(override: Override, unread: Sequence[tuple[str, str]]) -> str | None:
    """What keeps an override from acting in a stage; None if nothing does."""
    for key, why in unread:
        if override.key == key or override.key.startswith(f"{key}."):
            return why
    return None
