"""The one place where a config node becomes an object, of a class that its group may name."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from retrieval_kd.app.cli.conf_folder import conf_folder
from retrieval_kd.app.plan import plugins
from retrieval_kd.app.plan.callbacks import INSTEAD
from retrieval_kd.errors import UserError

SCORER = "scorer"
_SCORERS = (SCORER, "student", "teacher")
_FOLDERS = {**dict.fromkeys(_SCORERS, _SCORERS), "evaluation": ("ranker",)}  # others: the group's own
_TARGET, _PARTIAL = "_target_", "_partial_"
_NAMED = re.compile(r"_target_:\s*([\w.]+)")


@lru_cache
def classes(group: str) -> frozenset[str]:
    """The classes of this package that a node of this group may name: those that its option files name, and no others.

    Students, teachers and their members are all scorers; an evaluation names rankers. The command line adds packages
    from outside (`plugins`), an artifact nothing.
    """
    folders = [conf_folder() / name for name in _FOLDERS.get(group, (group,))]
    files = [path for folder in folders for path in folder.rglob("*.yaml")]
    return frozenset(name for path in files for name in _NAMED.findall(path.read_text(encoding="utf-8")))


def build(node: Any, group: str, *, partial: bool = False, **arguments: Any) -> Any:
    """The object that a node with `_target_` describes, inner nodes first; `arguments` are those no config can hold.

    `group` is the config group that the node belongs to; `partial` gives a function that still wants arguments. Raises
    UserError if the node or one inside it, in mappings or lists, names a class that neither the group's option files
    nor a plugin allow, or holds another of Hydra's keys than `_target_`, or if the object refuses its arguments with
    one.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    problem = next(forbidden(node, group), None)
    if problem is not None:
        raise UserError(problem)
    node = {**node, _PARTIAL: True} if partial else node
    try:
        return instantiate(node, _convert_="all", **arguments)
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise


def class_of(node: Mapping[str, Any], group: str) -> Any:
    """The class that a node names. Raises UserError if its group may not name it."""
    from hydra.utils import get_class

    problem = next(forbidden({_TARGET: node[_TARGET]}, group), None)
    if problem is not None:
        raise UserError(problem)
    return get_class(str(node[_TARGET]))


def forbidden(node: Any, group: str, where: str = "") -> Iterator[str]:
    """A sentence for each class in a node that its group may not name, and each of Hydra's other keys."""
    allowed = classes(group)
    for path, key, value in _hydra_keys(node, where or group):
        if key != _TARGET:
            yield f"{path}.{key}={value!r}: leave {key} out; of Hydra's own keys a node may hold {_TARGET} alone"
        elif value not in allowed and value in INSTEAD:
            yield f"{path}.{key}={value} does not work here: {INSTEAD[value]}"
        elif value not in allowed and (why := _refusal(str(value), group)) is not None:
            yield f"{path}.{key}={value}: {why}"


def _refusal(target: str, group: str) -> str | None:
    """Why a group may not name a class that is none of its own; None if a plugin brings it."""
    if plugins.is_allowed(target):
        return plugins.problem(target, group)
    own = ", ".join(sorted(classes(group)))
    return f"give a class that an option of {group} names: {own}{plugins.hint_for(target)}"


def targets(node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(where, target) of a node and of all inside it, through mappings and lists alike."""
    for path, key, value in _hydra_keys(node, prefix):
        if key == _TARGET:
            yield (f"{path}.{key}" if path else key), str(value)


def _hydra_keys(node: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """(path of the node, key, value) of each key that Hydra reads itself."""
    if isinstance(node, list | tuple):
        for place, value in enumerate(node):
            yield from _hydra_keys(value, f"{path}[{place}]")
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        if re.fullmatch(r"_\w+_", str(key)):
            yield path, str(key), value
        else:
            yield from _hydra_keys(value, f"{path}.{key}" if path else str(key))
