"""Which keys of a stage's config cannot act beside its others, and what would make them act."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from retrieval_kd.app.check.unread_training import dropouts, unread_beside_passages, unread_in_training
from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.instantiate import SCORER, class_of
from retrieval_kd.app.plan.stage_kinds import StageKind
from retrieval_kd.app.plan.unjudged import judges

Node = Mapping[str, Any]
Unread = Iterator[tuple[str, str]]  # (key, why it has no effect and what would make it act)


@runtime_checkable
class Declares(Protocol):
    """A class that says which of its options its other options leave without effect."""

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Key → why, and what would make it act; `at` is where the node stands."""


def declared_unread(config: Node, key: str) -> Unread:
    """What the classes of the nodes on the way to a key say of themselves."""
    node, at, names = config, "", key.split(".")
    for name in names[:-1]:
        inner = node.get(name)
        if not isinstance(inner, Mapping):
            return
        node, at = inner, f"{at}.{name}" if at else name
        kind = class_of(node, _group(names)) if "_target_" in node else None
        if isinstance(kind, Declares):
            yield from ((f"{at}.{own}", why) for own, why in kind.unread(node, at).items())


def _group(names: list[str]) -> str:
    return SCORER if names[0] in ("student", "teacher") else names[0]


def unread_across_groups(kind: StageKind, config: Node, *, ranked: bool = True) -> Unread:
    """What the other groups of a stage leave without effect; `ranked`: a training's teachers are evaluated later."""
    yield from _of_titles(config)
    if kind.evaluates and not judges(config.get("corpus")):
        for key in ("splits", "measures"):
            yield f"evaluation.{key}", "without judgments agreement with the teacher is measured; give judgments"
    if kind.trains:
        yield from unread_in_training(config, ranked=ranked)
        return
    for path, node in _scorers(config):
        for key in dropouts(node):
            yield f"{path}.{key}", "texts are read without dropout but in training; leave it to a train stage"
        if "attention_layer" in node:
            yield f"{path}.attention_layer", "attention is read in training alone; leave it to a train stage"
    if kind.ranks:
        yield from _of_order(config)
    yield from _of_tower(config)


def _scorers(config: Node) -> Iterator[tuple[str, Node]]:
    for role, node in roles.scorers_by_role(config).items():
        yield from roles.scorers(node, roles.path(role))


def _of_titles(config: Node) -> Unread:
    corpus = config.get("corpus")
    why = class_of(corpus, "corpus").untitled(corpus) if corpus else None
    if why is not None:
        yield from ((f"{path}.join", why) for path, node in _scorers(config) if "join" in node)


def _of_order(config: Node) -> Unread:
    """What of a student leaves a ranking as it is: scores count where two rankings are mixed by them alone."""
    node = config.get("student") or {}
    if "_target_" in node and not _mixes(config.get("ranker") or {}):
        for key in class_of(node, SCORER).keeps_order(node):
            why = "passages are in the same order whatever it is; leave it to a train stage, or a score stage"
            yield f"student.{key}", why


def _mixes(ranker: Node) -> bool:
    """Whether some of a ranker adds up scores."""
    inner = [node for node in ranker.values() if isinstance(node, Mapping)]
    return ranker.get("how") == "interpolate" or any(map(_mixes, inner))


def _of_tower(config: Node) -> Unread:
    """What does not matter of a teacher whose passages alone are read, and of a saved student that has its own."""
    role, student = roles.passages_of(config), config.get("student") or {}
    if role is None:
        return
    if role in roles.group(config):
        yield from unread_beside_passages(role, roles.group(config)[role])
    elif student.get("checkpoint") is not None:
        yield "student.passages_of", "student.checkpoint has a tower of its own for them; leave it to a train stage"
