"""Files and folders that are whole or not there: written under a temporary name beside theirs and renamed when done."""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from retrieval_kd.io.intact import damaged_files, is_intact, write_sum, write_sums
from retrieval_kd.io.locks import locked

_log = logging.getLogger(__name__)


@contextmanager
def atomic_write(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file to write to, which takes the place of `path` when the block ends without an exception."""
    with (
        atomic_write_bytes(path) as file,
        open(file.fileno(), "w", encoding="utf-8", newline="\n", closefd=False) as text,
    ):
        yield text


@contextmanager
def atomic_write_bytes(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when the block ends without an exception.

    It is on disk before it has its name, so it is whole after a power cut too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with open(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def locked_write(
    path: Path, write: Callable[[BinaryIO], None], *, wait: bool, fits: Callable[[], bool] = lambda: True
) -> None:
    """Lets `write` fill the file under a lock, unless the file is intact and `fits`, or another process is writing it
    (then waits for that one if `wait`, and writes where that one could not). Its SHA-256 stands beside it.
    """

    def is_whole() -> bool:
        return is_intact(path) and fits()

    while not is_whole():
        _try_write(path, write, is_whole, wait=wait)
        if not wait:
            return


def _try_write(path: Path, write: Callable[[BinaryIO], None], is_whole: Callable[[], bool], *, wait: bool) -> None:
    temporary = path.with_suffix(".part")
    with locked(temporary, wait=wait) as file:
        if file is None:
            return
        try:
            if not is_whole():
                if path.exists() and not is_intact(path):
                    _log.warning("%s is not what was written there: it is made again", path)
                file.truncate(0)  # what a killed process left
                write(file)
                file.flush()
                os.fsync(file.fileno())
                write_sum(path, temporary)
                os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def atomic_folder(folder: Path, make: Callable[[Path], object]) -> Path:
    """The folder, filled by `make(temporary)` if it is not there yet, or a file in it is not what was written.

    `temporary` is an empty folder beside it (<name>.part), renamed when `make` returns and all files have their SHA-256
    in its SHA256SUMS. Processes that ask at the same time wait for the first and share its work; what a killed one left
    is removed by the next. What `make` raises passes through, and nothing stays.
    """
    parent_is_new = not folder.parent.exists()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f"{folder.name}.part")
    try:
        while damage := _damage(folder):
            temporary.mkdir(exist_ok=True)
            with locked(temporary / _LOCK) as lock:
                if lock and (damage := _damage(folder)):
                    _fill(temporary, make)
                    if folder.is_dir():
                        _log.warning("%s is not what was written there (%s): it is made again", folder, damage)
                        remove_folder(folder)
                    os.rename(temporary, folder)
                    (folder / _LOCK).unlink()
                elif lock:
                    shutil.rmtree(temporary)
    finally:
        if parent_is_new and not folder.is_dir():
            _remove_if_empty(folder.parent)
    return folder


_LOCK = ".lock"


def _damage(folder: Path) -> str:
    """What a folder lacks to be whole; nothing where it is."""
    return ", ".join(damaged_files(folder)) if folder.is_dir() else "no such folder"


def remove_folder(folder: Path, *, beside: Path | None = None) -> None:
    """Removes a folder under another name, beside itself or another one, so that a killed removal leaves nothing that
    looks whole.
    """
    beside = beside or folder
    gone = beside.with_name(f"{beside.name}.{os.getpid()}.{time.time_ns()}.gone")
    os.rename(folder, gone)
    shutil.rmtree(gone, ignore_errors=True)


def _fill(temporary: Path, make: Callable[[Path], object]) -> None:
    """`make(temporary)` on an emptied folder; nothing stays if it raises. The lock stays through the rename."""
    for leftover in temporary.iterdir():
        if leftover.is_dir():
            shutil.rmtree(leftover)
        elif leftover.name != _LOCK:
            leftover.unlink()
    try:
        make(temporary)
        write_sums(temporary)
    except BaseException:
        shutil.rmtree(temporary)
        raise


def sync(path: Path) -> None:
    """Puts a file's content, or a folder's names, on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
