"""Plans over collections that nobody judged: who can learn there, and what is set so that they do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from retrieval_kd.app.cli.overrides import Override, has, read
from retrieval_kd.app.plan import resolved_config, roles, signatures
from retrieval_kd.app.plan.artifact_references import REFERENCE
from retrieval_kd.app.plan.instantiate import SCORER, build, class_of
from retrieval_kd.app.plan.recipe import Composed
from retrieval_kd.app.plan.stage_kinds import KINDS
from retrieval_kd.encoders.weights import MINILM, HubUnreachable, locate
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.record import kind_and_form

Node = Mapping[str, Any]
DRAWN, OFFERED = "data.unjudged", "corpus.unjudged"  # by a training; by a collection


class Note(NamedTuple):
    """What was set without being asked for, and the stage that it was set in."""

    stage: str
    sentence: str


def judges(corpus: Any) -> bool:
    """Whether a corpus node's collection has judgments, as far as is seen without parsing; one that cannot be built is
    refused elsewhere.
    """
    if not isinstance(corpus, Mapping) or resolved_config.missing(corpus) or any(signatures.problems(corpus, "corpus")):
        return True
    try:
        return bool(build(dict(corpus), "corpus").has_judgments())
    except UserError:
        return True


def needing_judgments(config: Node) -> list[str]:
    """The terms of a training that say nothing of a query without judgments; none where the loss cannot be built, which
    is refused elsewhere.
    """
    from hydra.errors import InstantiationException

    try:
        objective, curriculum = (build(config[group], group) for group in ("loss", "curriculum"))
    except (UserError, InstantiationException):
        return []
    return [
        name
        for name, term in objective.terms.items()
        if term.needs_positive or (term.reads_labels and not curriculum.labels)
    ]


def learns_from_judgments_alone(config: Node) -> bool:
    """Whether no term of a training can use a query without judgments."""
    return bool(roles.terms(config)) and set(needing_judgments(config)) >= set(roles.terms(config))


def implied(overrides: Sequence[Override], root: DictConfig) -> list[Override]:
    """corpus.unjudged=true, where data.unjudged=true is typed for all stages and nothing is said of the corpus."""
    drawn = any(override.key == DRAWN and override.stage is None and override.value is True for override in overrides)
    said = any(override.key == OFFERED for override in overrides)
    if not drawn or said or not has(root, OFFERED) or not judges(_plain(root.corpus)):
        return []
    return [read(f"{OFFERED}=true", ())]


def adapted(composed_stages: Sequence[Composed], *, offered: bool) -> list[Note]:
    """Sets, in the configs of stages over a collection that nobody judged, what lets them run; gives what was set.

    A training draws the queries without judgments; a teacher that an earlier stage would train on judgments alone is
    its backbone, where that is a scorer already. `offered`: the collection offers such queries since data.unjudged=true
    is typed alone; trainings that cannot use them then do not draw them.
    """
    notes: list[Note] = []
    trained_on_judgments: set[str] = set()
    judged: dict[str, bool] = {}
    for entry in composed_stages:
        trains, corpus = KINDS[entry.command.run].trains, _plain(entry.config.corpus)
        there = judged.setdefault(str(corpus), judges(corpus))
        if there and not (offered and trains):
            continue
        try:
            config = resolved_config.resolved(entry.config)
        except UserError:
            continue  # refused where stages are read
        if there:
            notes += _not_drawn(entry, config)
            continue
        if trains and learns_from_judgments_alone(config):
            trained_on_judgments.add(entry.command.name)
        elif trains:
            notes += _drawn(entry, config)
        notes += _as_they_are(entry, config, trained_on_judgments)
    return notes


def _plain(node: Any) -> Any:
    """A node of a config as plain values; nothing where it does not resolve, which is refused elsewhere."""
    try:
        return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    except OmegaConfBaseException:
        return None


def draws_lists(data: Node) -> bool:
    """Whether a training draws candidates from a run: without judged passages it has no others."""
    windows = [data, *(data.get("further") or ())]
    return data.get("candidates") is not None and any(window.get("negatives") for window in windows)


def _drawn(entry: Composed, config: Node) -> Iterator[Note]:
    """A training draws the queries of its lists, since there are no others."""
    if draws_lists(config["data"]) and config["data"].get("unjudged") is False:
        OmegaConf.update(entry.config, DRAWN, True)
        said = "nobody judged this collection: its queries are distilled from as they are"
        yield Note(entry.command.name, f"{entry.command.name}: {DRAWN}=true, since {said}")


def _not_drawn(entry: Composed, config: Node) -> Iterator[Note]:
    """A training that learns from judgments alone leaves out queries without any."""
    if config["data"].get("unjudged") is True and learns_from_judgments_alone(config):
        OmegaConf.update(entry.config, DRAWN, False)
        why = "no term of its loss can use a query without judgments"
        yield Note(entry.command.name, f"{entry.command.name}: {DRAWN}=false, since {why}")


def _as_they_are(entry: Composed, config: Node, untrained: set[str]) -> Iterator[Note]:
    """Teachers whose own training has no judgments, and whose backbone is a scorer of their kind already."""
    for path, node in _teachers(config):
        made_by = REFERENCE.fullmatch(str(node.get("checkpoint")))
        if made_by and made_by["stage"] in untrained and is_scorer(node):
            OmegaConf.update(entry.config, f"{path}.checkpoint", None)
            why = f"{node['backbone']} is one already, and there are no judgments to train it on"
            yield Note(entry.command.name, f"{path} teaches as it is: {why}")


def _teachers(config: Node) -> Iterator[tuple[str, Node]]:
    for role, node in roles.group(config).items():
        yield from roles.scorers(node, roles.path(role))


def is_scorer(node: Node) -> bool:
    """Whether a scorer's backbone is a whole scorer of its kind, and no bare encoder or a part of it; one at a hub that
    does not answer is taken for one. minilm is a dual encoder, whose package leaves the modules out.
    """
    if not node.get("backbone") or node.get("layers") is not None:
        return False
    kind = class_of(node, SCORER)
    if node["backbone"] == MINILM:
        return bool(kind.kind == "dual")
    try:
        return bool(kind_and_form(locate(str(node["backbone"])))[0] == kind.saved_as())
    except HubUnreachable:
        return True
    except UserError:
        return False
