"""A stream in blocks."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def blocks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Consecutive items, `size` at a time; the last block has the rest."""
    stream = iter(items)
    while block := list(islice(stream, size)):
        yield block
