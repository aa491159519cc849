"""Which keys of a stage's config cannot act beside its others, and what would make them act."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Protocol, runtime_checkable

from retrieval_kd.app import roles
from retrieval_kd.app.build import SCORER, build, class_of
from retrieval_kd.app.check_attention import looked_at
from retrieval_kd.app.wants import features

Node = Mapping[str, Any]
Unread = Iterator[tuple[str, str]]  # (key, why it has no effect and what would make it act)
_DROPOUTS = {"dropout", "head_dropout"}
_POOLED = frozenset({"pool", "pool_layers"})


@runtime_checkable
class Declares(Protocol):
    """A class that says which of its options its other options leave without effect."""

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Key → why, and what would make it act; `at` is where the node stands."""


def declared(config: Node, key: str) -> Unread:
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


def across(verb: str, config: Node) -> Unread:
    """What the other groups of a stage leave without effect."""
    yield from _of_titles(config)
    if verb == "train":
        made = {group: build(config[group], group) for group in ("loss", "data", "curriculum", "optim")}
        yield from _of_lessons(**made)
        yield from _of_lists(**made)
        yield from _of_optim(made["loss"], made["optim"])
        yield from _of_teachers(made["loss"], config)
    else:
        for path, node in _scorers(config):
            for key in _DROPOUTS & node.keys():
                yield f"{path}.{key}", "texts are read without dropout but in training; leave it to a train stage"


def groups(config: Node) -> Unread:
    """Whole groups and nodes of a train stage that teach nothing there."""
    objective, data, curriculum = (build(config[group], group) for group in ("loss", "data", "curriculum"))
    terms = dict(objective.terms.items())
    only_paces = curriculum.paces and not (curriculum.filters or curriculum.labels)
    if only_paces and not any(term.paced for term in terms.values()):
        yield (
            "curriculum",
            f"no term of the loss is paced; give loss.terms.{next(iter(terms))}.paced=true or curriculum=constant",
        )
    reads_dark = not curriculum.drops_dark and any(term.reads_dark for term in terms.values())
    if data.dark is not None and data.dark.copies and not reads_dark:
        why = "the curriculum drops dark examples" if curriculum.drops_dark else "no term of the loss reads them"
        yield "data.dark", f"{why}; give a term with a guide over the own list, as loss=listwise_kl, or data.dark=null"


def _of_titles(config: Node) -> Unread:
    corpus = config.get("corpus")
    why = class_of(corpus, "corpus").untitled(corpus) if corpus else None
    if why is not None:
        yield from ((f"{path}.join", why) for path, node in _scorers(config) if "join" in node)


def _of_lessons(loss: Any, data: Any, curriculum: Any, optim: Any) -> Unread:
    if not curriculum.paces:
        for name in loss.terms:
            yield f"loss.terms.{name}.paced", "the curriculum gives every query pace 1; say curriculum=self_paced"
    if data.refresh_every is None:
        for key in curriculum.moved:
            yield f"curriculum.{key}", "the bar moves at a re-mining alone; give data.refresh_every"
    shown = any(term.guide is not None or term.reads_labels for term in loss.terms.values())
    if not shown and curriculum.judge is None:
        yield "loss.shuffle", "no term follows a guide or labels; give a loss with a guide, as loss=listwise_kl"


def _of_lists(loss: Any, data: Any, curriculum: Any, optim: Any) -> Unread:
    wanted = {feature for term in loss.terms.values() for some in features(loss, term).values() for feature in some}
    if not wanted & _POOLED:
        yield "data.queries_per_pool", "no term of the loss is over the pool; give one, as loss.terms.<name>.over=pool"
    if not any(window.negatives for window in data.windows):
        for key in ("first", "last", "order"):
            yield f"data.{key}", "no negative is drawn; give data.negatives"
    if data.refresh_every is not None and data.refresh_every >= optim.steps:
        yield "data.refresh_every", f"training ends after {optim.steps} steps; give fewer, or more optim.steps"


def _of_optim(loss: Any, optim: Any) -> Unread:
    for key in ("lr", "weight_decay", "clip"):
        if all(key in optim.learners.get(role, {}) for role in loss.learners):
            yield f"optim.{key}", f"every learner has its own; leave optim.learners.<role>.{key} out"


def _of_teachers(loss: Any, config: Node) -> Unread:
    seen = looked_at(loss)
    group = roles.group(config)
    for role in group:
        path = f"teacher.{role}"
        if role in loss.tied[1:]:
            why = f"{role} reads through the encoder of {loss.tied[0]}; give {_path(loss.tied[0])}.dropout"
            yield f"{path}.dropout", f"{why}, or say loss=tight_coupling for a teacher apart"
        elif role not in loss.learners:
            for where, key in product((where for where, _ in roles.scorers(group[role], path)), sorted(_DROPOUTS)):
                yield f"{where}.{key}", f"no term trains {role}, which is read without; name it as a term's learner"
            if role not in seen:
                yield f"{path}.attention_layer", "no term reads its attention; say loss=word_and_sentence"


def _scorers(config: Node) -> Iterator[tuple[str, Node]]:
    for role, node in roles.everyone(config).items():
        yield from roles.scorers(node, _path(role))


def _path(role: str) -> str:
    return role if role == "student" else f"teacher.{role}"
