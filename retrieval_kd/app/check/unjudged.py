"""What is refused where nobody judged, and what is said of queries without judgments that nobody offers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrieval_kd.app.cli.overrides import Override
from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.artifact_references import REFERENCE
from retrieval_kd.app.plan.instantiate import build, class_of, targets
from retrieval_kd.app.plan.stage import Stage
from retrieval_kd.app.plan.unjudged import (
    DRAWN,
    OFFERED,
    draws_lists,
    judges,
    learns_from_judgments_alone,
    needing_judgments,
)
from retrieval_kd.errors import UserError

Node = Mapping[str, Any]
NONE = "the collection has no judgments"


def unjudged_problems(stages: Sequence[Stage], overrides: Sequence[Override]) -> list[str]:
    """A sentence for each stage that wants judgments which are not there, and for queries without judgments that are
    asked for by name and that the collection keeps back.
    """
    problems: list[str] = []
    for stage in stages:
        if not judges(stage.config.get("corpus")):
            problems += [*_training_problems(stage, stages), *_tuning_problems(stage)]
    if any(override.key == DRAWN and override.value is True for override in overrides):
        problems += _kept_back(stages)
    return problems


def unjudged_notes(stages: Sequence[Stage], overrides: Sequence[Override]) -> Iterator[str]:
    """What a training over a collection that nobody judged learns nothing of, and whom nobody teaches there; and the
    recipes whose queries without judgments the collection keeps back.
    """
    for stage in stages:
        if stage.kind.trains and not judges(stage.config.get("corpus")):
            yield from _idle(stage)
    if not any(override.key == DRAWN for override in overrides):
        yield from _kept_back(stages)


def _training_problems(stage: Stage, stages: Sequence[Stage]) -> Iterator[str]:
    if not stage.kind.trains:
        return
    if learns_from_judgments_alone(stage.config):
        yield _lesson(stage, stages)
    elif not draws_lists(stage.config["data"]):
        yield (
            f"stage {stage.name}: {NONE}, so candidates come from a run alone, and none is drawn: set data=sampled, or "
            "give data.candidates and data.negatives"
        )


def _lesson(stage: Stage, stages: Sequence[Stage]) -> str:
    """What to give where a stage would learn from judgments alone: its teacher, or a loss."""
    why = f"stage {stage.name} learns from judgments alone, and {NONE}"
    taught = [(path, node) for other in stages for path, node in _taught_by(stage.name, other)]
    if taught:
        path, node = taught[0]
        return (
            f"{why}: give {path}.checkpoint=<the folder of a trained one>, or {path}.backbone=<one>; "
            f"{node.get('backbone')} is an encoder alone"
        )
    loss = f"{', '.join(f'loss.terms.{name}' for name in needing_judgments(stage.config))} says nothing without them"
    other = "set teacher=dual loss=aligned, or another loss with a guide"
    pairs = "; of loss=margin_mse, loss.terms.margin.pairs=all needs none"
    return f"{why}: {loss}; {other}, and leave experiment= out{pairs if 'margin' in loss else ''}"


def _taught_by(name: str, stage: Stage) -> Iterator[tuple[str, Node]]:
    """(path, node) of the teachers of a stage that another one makes."""
    for role, node in roles.group(stage.config).items():
        for path, one in roles.scorers(node, roles.path(role)):
            found = REFERENCE.fullmatch(str(one.get("checkpoint")))
            if found and found["stage"] == name:
                yield path, one


def _tuning_problems(stage: Stage) -> Iterator[str]:
    """Rankers that would choose something on judged queries."""
    ranker = stage.config.get("ranker") or {}
    for where, _ in targets(ranker, "ranker"):
        node: Any = ranker
        for name in where.split(".")[1:-1]:
            node = node[name]
        if why := class_of(node, "ranker").tunes(node, where.removesuffix("._target_")):
            yield f"{why}, and {NONE}"


def _kept_back(stages: Sequence[Stage]) -> Iterator[str]:
    for stage in stages:
        corpus = stage.config.get("corpus") or {}
        if stage.kind.trains and stage.config["data"].get("unjudged") is True and corpus.get("unjudged") is False:
            if judges(corpus):
                yield f"{stage.name}: {DRAWN}=true finds no query, since {OFFERED}=false: give {OFFERED}=true"


def _idle(stage: Stage) -> Iterator[str]:
    """The terms that have nothing to say, and guides that they alone would have trained."""
    idle, terms = needing_judgments(stage.config), roles.terms(stage.config)
    if not idle or set(idle) >= set(terms):
        return
    yield f"{stage.name} learns nothing of {', '.join(f'loss.terms.{name}' for name in idle)}: {NONE}"
    try:
        objective = build(stage.config["loss"], "loss")
    except UserError:
        return
    acting = [term for name, term in objective.terms.items() if name not in idle]
    guides = {objective.source(term.guide) for term in acting if term.guide is not None}
    untaught = (objective.learners & guides) - {objective.source(term.learner) for term in acting}
    for role in sorted(untaught):
        yield f"{stage.name}: {role} teaches as it starts: only judgments would have trained it, and {NONE}"
