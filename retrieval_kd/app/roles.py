"""Who is named by a train config: the roles its terms, echoes and curriculum read."""

from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]
ONLY = "teacher"  # as a guide, learner or judge: the one role of the teacher group


def group(config: Node) -> dict[str, Any]:
    """The teacher group: role -> scorer node."""
    return dict(config.get("teacher") or {})


def terms(config: Node) -> dict[str, Any]:
    """The arrows of the loss by name."""
    return dict((config.get("loss") or {}).get("terms") or {})


def echoes(config: Node) -> dict[str, Any]:
    """Echo -> {of: role, redraw: …}."""
    return dict((config.get("loss") or {}).get("echoes") or {})


def named(config: Node) -> Iterator[tuple[str, str]]:
    """(where, role) for every role that the loss and the curriculum name, as written."""
    for name, term in terms(config).items():
        for end in ("learner", "guide"):
            if isinstance(term, Mapping) and term.get(end):
                yield f"loss.terms.{name}.{end}", str(term[end])
    for name, echo in echoes(config).items():
        yield f"loss.echoes.{name}.of", str(echo["of"])
    judge = (config.get("curriculum") or {}).get("judge")
    if judge:
        yield "curriculum.judge", str(judge)
    tower = (config.get("student") or {}).get("passages_of")
    if tower:
        yield "student.passages_of", str(tower)


def with_roles_named(config: dict[str, Any]) -> dict[str, Any]:
    """The config with the word `teacher` turned into the group's only role, where it has exactly one."""
    roles = list(group(config))
    if len(roles) != 1 or ONLY in echoes(config):
        return config
    return {**config, **{key: _renamed(config[key], roles[0]) for key in ("loss", "curriculum") if key in config}}


def _renamed(node: Any, role: str) -> Any:
    if not isinstance(node, Mapping):
        return node
    ends = ("learner", "guide", "of", "judge")
    return {key: role if key in ends and value == ONLY else _renamed(value, role) for key, value in node.items()}


def read(config: Node) -> set[str]:
    """The teacher roles that training reads; an echo counts as the scorer it repeats."""
    repeats = {name: str(echo["of"]) for name, echo in echoes(config).items()}
    wanted = {repeats.get(role, role) for _, role in named(config)}
    return wanted & set(group(config))
