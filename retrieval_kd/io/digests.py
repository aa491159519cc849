"""SHA-256 of files, read once a process as long as a file stays what it was."""

import hashlib
from functools import lru_cache
from pathlib import Path

FileState = tuple[str, int, int, int]


def file_state(path: Path) -> FileState:
    """(path, bytes, time of the last change of content, of content or name): another one under an old name, of the same
    size and with its time put back, has another.
    """
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal digits. Raises FileNotFoundError."""
    return _digest(path, file_state(path))


@lru_cache(maxsize=4096)
def _digest(path: Path, state: FileState) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
