"""Files and folders that are whole or not there: written aside, renamed when done."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


def whole_folder(folder: Path, make: Callable[[Path], object]) -> Path:
    """The folder, filled by `make(aside)` if it is not there yet.

    `aside` is an empty folder beside it (<name>.part), renamed when `make` returns. Processes that ask at the same
    time wait for the first and share its work; what a killed one left is swept away by the next. What `make` raises
    passes through, and nothing stays.
    """
    lonely = not folder.parent.exists()
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f"{folder.name}.part")
    try:
        while not folder.is_dir():
            with _locked(aside) as ours:
                if ours and not folder.is_dir():
                    _fill(aside, make)
                    os.rename(aside, folder)
                elif ours:
                    shutil.rmtree(aside)
    finally:
        if lonely and not folder.is_dir():
            _remove_empty(folder.parent)
    return folder


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file to write to, which takes the place of `path` when the block ends without an exception."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _fill(aside: Path, make: Callable[[Path], object]) -> None:
    """`make(aside)` on a swept folder; nothing stays if it raises. The lock lies there through the rename too."""
    for left in aside.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left.name != ".lock":
            left.unlink()
    try:
        make(aside)
    except BaseException:
        shutil.rmtree(aside)
        raise


@contextmanager
def _locked(aside: Path) -> Iterator[bool]:
    """Hold the folder's lock (a file: locks on folders fail over NFS); False if the folder went away meanwhile."""
    aside.mkdir(exist_ok=True)
    try:
        lock = open(aside / ".lock", "a")
    except FileNotFoundError:  # renamed or swept between the two lines
        yield False
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            ours = os.path.samestat(os.fstat(lock.fileno()), os.stat(aside / ".lock"))
        except FileNotFoundError:
            ours = False
        yield ours


def _remove_empty(folder: Path) -> None:
    """Take the folder away if nothing is in it."""
    with suppress(OSError):
        folder.rmdir()


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
