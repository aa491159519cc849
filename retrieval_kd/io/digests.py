"""SHA-256 of files, read once a process as long as a file stays what it was."""

import hashlib
import stat
from functools import lru_cache
from pathlib import Path

from retrieval_kd.errors import UserError

FileState = tuple[str, int, int, int]


def file_state(path: Path) -> FileState:
    """(path, bytes, time of the last change of content, of content or name): another one under an old name, of the same
    size and with its time put back, has another.
    """
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns


def other_than_file(path: Path) -> str | None:
    """What is there in the place of a file: a folder, or a pipe or device, whose reading may never end; None for a
    file. Raises OSError where nothing is there.
    """
    mode = path.stat().st_mode
    return None if stat.S_ISREG(mode) else "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal digits. Raises FileNotFoundError, and UserError for what is no
    file.
    """
    if (other := other_than_file(path)) is not None:
        raise UserError(f"{path} is {other}; give a file")
    return _digest(path, file_state(path))


@lru_cache(maxsize=4096)
def _digest(path: Path, state: FileState) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
