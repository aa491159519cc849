"""Signals that ask the work to stop: it ends in an orderly way, and the same command goes on from there."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # a scheduler's, Ctrl-C, and what SLURM may send beforehand


class Stopped(BaseException):
    """A signal ended the work; what is done is saved. No `Exception`, so that nothing takes it for a failure."""

    def __init__(self, number: int, progress: str = "") -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}{progress}; the same command goes on from here")


@contextmanager
def stops(handler: Callable[[int, FrameType | None], Any] | None = None) -> Iterator[None]:
    """While the block runs these signals raise Stopped, or call the handler. Nothing changes in any but the main
    thread, which is the one that Python lets set handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler or _raise) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _raise(number: int, _: FrameType | None) -> None:
    raise Stopped(number)
