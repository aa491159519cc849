"""A bar for whatever takes longer than two seconds."""

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Item = TypeVar("Item")

PATIENCE = 2.0  # seconds without a bar
REDRAW = 0.1  # seconds between two counts handed to the bar: an item may cost a microsecond


def track(iterable: Iterable[Item], *, total: int | None, what: str) -> Iterator[Item]:
    """The items one by one; from the third second on with a bar (count, items/s, time left) on standard error.

    `total` is the number of items, None where nobody knows it; `what` names them ("passages").
    """
    started = drawn = time.monotonic()
    shown: tuple[Progress, TaskID] | None = None
    done = 0
    try:
        for done, item in enumerate(iterable, 1):
            yield item
            now = time.monotonic()
            if now - drawn < REDRAW or now - started < PATIENCE:
                continue
            drawn = now
            shown = shown or _bar(total=total, what=what)
            shown[0].update(shown[1], completed=done)
    finally:
        if shown:
            shown[0].update(shown[1], completed=done)
            shown[0].stop()


def _bar(*, total: int | None, what: str) -> "tuple[Progress, TaskID]":
    """A started bar; Rich is imported here, so that what is quick does not wait for it."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    class Speed(TaskProgressColumn):
        """Items per second instead of a percentage."""

        def render(self, task):  # type: ignore[no-untyped-def]
            return self.render_speed(task.finished_speed or task.speed)

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
    )
    bar.start()
    return bar, bar.add_task(what, total=total)
