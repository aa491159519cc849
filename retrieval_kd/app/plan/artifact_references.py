"""`${artifact:stage}` and `${artifact:stage.role}`: how a stage's config names what an earlier stage made."""

import re
from collections.abc import Callable
from typing import Any

REFERENCE = re.compile(r"\$\{artifact:(?P<stage>[^}.]+)(?:\.(?P<role>[^}]+))?\}")


def inputs(node: Any) -> list[str]:
    """The stages that a config refers to, each once, in order of appearance."""
    stages: dict[str, None] = {}

    def note(stage: str, role: str | None) -> str:
        stages.setdefault(stage)
        return ""

    replaced(node, note)
    return list(stages)


def replaced(node: Any, value_of: Callable[[str, str | None], str]) -> Any:
    """A copy of the config in which every reference is `value_of(stage, role)`."""
    if isinstance(node, dict):
        return {key: replaced(value, value_of) for key, value in node.items()}
    if isinstance(node, list):
        return [replaced(value, value_of) for value in node]
    if isinstance(node, str):
        return REFERENCE.sub(lambda match: value_of(match[1], match[2]), node)
    return node
