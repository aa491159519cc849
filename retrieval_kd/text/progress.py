"""Progress of whatever takes longer than two seconds: a bar on a terminal, else a line every half a minute."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Item = TypeVar("Item")

PATIENCE = 2.0  # seconds without a bar
REDRAW = 0.1  # seconds between two counts handed to the bar: an item may cost a microsecond
LINE_EVERY = 30.0  # seconds between two lines

_log = logging.getLogger(__name__)


def track(iterable: Iterable[Item], *, total: int | None, label: str) -> Iterator[Item]:
    """The items one by one; from the third second on with a bar (count, items/s, time left) on standard error. Where
    that is no terminal, a line says the same every half a minute.

    `total` is the number of items, None where nobody knows it; `label` names them ("passages").
    """
    return _with_bar(iterable, total, label) if is_terminal() else _with_lines(iterable, total, label)


def is_terminal() -> bool:
    """Whether a bar can be drawn on standard error."""
    return sys.stderr.isatty()


def progress_line(label: str, done: int, total: int | None, seconds: float) -> str:
    """One line of progress: the items done in these seconds, items per second, and the time left."""
    rate = done / seconds
    if total is None:
        return f"{label}: {done} ({rate:.3g}/s)"
    return f"{label}: {done} of {total} ({rate:.3g}/s, {duration((total - done) / rate)} left)"


def duration(seconds: float) -> str:
    """42 s, 3 min, 2 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _with_lines(iterable: Iterable[Item], total: int | None, label: str) -> Iterator[Item]:
    started = last = time.monotonic()
    for done, item in enumerate(iterable, 1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY:
            last = now
            _log.info(progress_line(label, done, total, now - started))


def _with_bar(iterable: Iterable[Item], total: int | None, label: str) -> Iterator[Item]:
    started = drawn = time.monotonic()
    bar: tuple[Progress, TaskID] | None = None
    done = 0
    try:
        for done, item in enumerate(iterable, 1):
            yield item
            now = time.monotonic()
            if now - drawn < REDRAW or now - started < PATIENCE:
                continue
            drawn = now
            bar = bar or _bar(total=total, label=label)
            bar[0].update(bar[1], completed=done)
    finally:
        if bar:
            bar[0].update(bar[1], completed=done)
            bar[0].stop()


def _bar(*, total: int | None, label: str) -> "tuple[Progress, TaskID]":
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
    return bar, bar.add_task(label, total=total)
