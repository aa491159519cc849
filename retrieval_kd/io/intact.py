"""Whether files still hold what was written: their SHA-256 stands beside them, as `sha256sum -c` reads it."""

import os
from collections.abc import Mapping
from pathlib import Path

from retrieval_kd.io.digests import file_digest

SUMS = "SHA256SUMS"  # of a folder's files
_SUM = ".sha256"  # after the name of a single file
_LOCK = ".lock"


def files_in(folder: Path) -> list[str]:
    """The names of all files below a folder, locks aside; with slashes, in their order."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _LOCK)
    return [path.relative_to(folder).as_posix() for path in files]


def differing(folder: Path, digests: Mapping[str, str]) -> list[str]:
    """The names of files that are gone or have another SHA-256 than in `digests`. Each is read once a process, as
    long as it stays what it was.
    """
    return [name for name, digest in digests.items() if _digest_of(folder / name) != digest]


def write_sums(folder: Path) -> None:
    """Puts the digests of all files of a folder into its SHA256SUMS."""
    lines = [f"{file_digest(folder / name)}  {name}\n" for name in files_in(folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def damaged_files(folder: Path) -> list[str]:
    """The names of the files that are not what SHA256SUMS says, its own where it is gone; what came later into the
    folder is not looked at.
    """
    try:
        sums = _read_digests(folder / SUMS)
    except (OSError, ValueError):
        return [SUMS]
    return differing(folder, sums)


def sum_path(path: Path) -> Path:
    """Where the digest of a single file stands."""
    return path.with_name(path.name + _SUM)


def write_sum(path: Path, content: Path) -> None:
    """Puts the digest of `content`, which is to be renamed to `path`, beside that. Its folder must be there."""
    aside = path.with_name(f".{path.name}{_SUM}.part")
    with open(aside, "w", encoding="utf-8") as file:
        file.write(f"{file_digest(content)}  {path.name}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, sum_path(path))


def is_intact(path: Path) -> bool:
    """Whether a file is there and has the SHA-256 that stands beside it."""
    try:
        return differing(path.parent, _read_digests(sum_path(path))) == []
    except (OSError, ValueError):
        return False


def files_with_sums(folder: Path) -> list[Path]:
    """The single files below a folder that have a digest beside them."""
    return [path.with_name(path.name.removesuffix(_SUM)) for path in sorted(folder.rglob(f"*{_SUM}"))]


def _read_digests(path: Path) -> dict[str, str]:
    """name → digest. Raises OSError where there is no such file, ValueError for what is no list of digests."""
    lines = [line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    if not lines or any(len(line) != 2 for line in lines):
        raise ValueError(f"{path} is no list of digests")
    return {name: digest for digest, name in lines}


def _digest_of(path: Path) -> str | None:
    try:
        return file_digest(path)
    except (OSError, ValueError):  # gone, or no file any more
        return None
