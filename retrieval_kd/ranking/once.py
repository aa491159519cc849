"""A file that one process makes while others may want it too: under a lock, aside, and renamed when it is whole."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def make_once(path: Path, write: Callable[[BinaryIO], None], is_whole: Callable[[], bool], *, wait: bool) -> None:
    """Let `write` fill the file aside unless the file is whole, or another process is at it (then wait for that one, if
    asked to, and make it where that one could not).
    """
    while not is_whole():
        _try_once(path, write, is_whole, wait=wait)
        if not wait:
            return


def _try_once(path: Path, write: Callable[[BinaryIO], None], is_whole: Callable[[], bool], *, wait: bool) -> None:
    aside = path.with_suffix(".part")
    with open(aside, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not _is_at(file, aside):  # renamed or removed by another process meanwhile
            return
        try:
            if not is_whole():
                file.truncate(0)  # what a killed process left
                write(file)
                file.flush()
                os.fsync(file.fileno())  # to be there is to be whole, after a power cut too
                os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
