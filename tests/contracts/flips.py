"""Other legal values of an option, by what its target's source says that it accepts."""

from collections.abc import Iterator
from typing import Any

from retrieval_kd.app.plan.accepts import Accepts

WORD = "fox"  # where any text will do


def flipped(value: Any, accepts: Accepts | None) -> Iterator[Any]:
    """Other values of an option than this one."""
    if accepts is None:
        return
    yield from (literal for literal in accepts.literals if literal != value)
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, float):
        yield value / 2 + 0.05
    elif isinstance(value, str) and accepts.text:
        yield WORD
    elif isinstance(value, list) and value and all(isinstance(one, int | float) for one in value):
        yield from (moved(value, place) for place in range(len(value)))
    elif value is None and accepts.types & {"int", "float"}:
        yield 2


def moved(numbers: list[Any], place: int) -> list[Any]:
    """The list with one of its numbers a little off."""
    step = 1 if isinstance(numbers[place], int) else -0.1 * numbers[place]
    return [*numbers[:place], numbers[place] + step, *numbers[place + 1 :]]
