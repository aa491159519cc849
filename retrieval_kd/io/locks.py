"""Locks between processes, held on a file: a lock ends with the process that holds it, however that ends."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def locked(path: Path, *, wait: bool = True, waiting: Callable[[], None] | None = None) -> Iterator[BinaryIO | None]:
    """Holds the lock of the file at `path`, made if it is not there, and gives the file, open for appending.

    Gives None where the lock is not to be had: another process holds it and `wait` is false, or the file or its folder
    was renamed or removed in the meantime. `waiting` is called before a wait. Raises OSError where the file system has
    no locks.
    """
    try:
        file = open(path, "ab")  # a file of its own: locks on folders fail over NFS
    except FileNotFoundError:
        yield None
        return
    with file:
        yield file if _acquire(file, path, wait, waiting) and _is_at(file, path) else None


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of the file at `path`. Several may look at once: none takes another for it."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _acquire(file: BinaryIO, path: Path, wait: bool, waiting: Callable[[], None] | None) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            return False
        if waiting is not None:
            waiting()
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL):
            raise
        reason = f"the file system of {path.parent} has no locks between processes ({error.strerror})"
        raise OSError(
            error.errno, f"{reason}; write to a folder on a disk that has them, or mount it with locks"
        ) from None
    return True


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
