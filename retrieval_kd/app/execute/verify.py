"""Whether what lies in a folder of artifacts still is what was written: every file is read again."""

import shlex
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.plan.stage_kinds import KINDS
from retrieval_kd.io.intact import damaged_files, files_in, files_with_sums, is_intact


@dataclass(frozen=True)
class Checked:
    """An artifact or a cache, its size in bytes, and a sentence about what is wrong with it, if anything is."""

    folder: Path
    size: int
    damage: str | None


def checked(root: Path) -> Iterator[Checked]:
    """Everything sealed or cached in a folder of artifacts, read and compared with its digests, in order of names."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.suffix):
        kind = folder.name.partition("-")[0]
        if kind in KINDS:
            yield Checked(folder, size_of(folder), damage_with_remedy(folder))
        elif kind in CACHES:
            yield Checked(folder, size_of(folder), _cache_damage(folder, kind))


def size_of(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum((folder / name).stat().st_size for name in files_in(folder))


def remedy(folder: Path) -> str:
    """The command that makes a damaged artifact again, where its manifest still tells it; else nothing."""
    try:
        manifest = artifacts.read_manifest(folder)
    except (OSError, ValueError):
        return ""
    if not isinstance(manifest.get("command"), list):
        return ""
    return f"retrieval-kd {shlex.join([*manifest['command'], 'fresh=' + manifest['stage']['name']])}"


def damage_with_remedy(folder: Path) -> str | None:
    """What of a sealed artifact is damaged, if anything is, and what makes it again."""
    damage = artifacts.damage(folder)
    return damage and f"{damage}; make it again: {remedy(folder) or 'remove the folder and run its recipe'}"


def _cache_damage(folder: Path, kind: str) -> str | None:
    files = _DAMAGED[kind](folder)
    return f"{folder}: {', '.join(files)}: not what was written there; made again when next read" if files else None


def _damaged_singles(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_with_sums(folder) if not is_intact(path)]


def _damaged_segments(folder: Path) -> list[str]:
    return [path.name for path in sorted(folder.glob("*.npz")) if not _zip_is_whole(path)]


def _zip_is_whole(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError):
        return False


# kind of cache → the names of its damaged files; the segments of a memory have the checksums of a zip archive
_DAMAGED: dict[str, Callable[[Path], list[str]]] = {
    "corpus": damaged_files,
    "tokens": damaged_files,
    "lucene": damaged_files,
    "vectors": _damaged_singles,
    "memory": _damaged_segments,
}
CACHES = tuple(_DAMAGED)
