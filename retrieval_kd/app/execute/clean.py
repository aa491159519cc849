"""What of a folder of artifacts no recipe refers to any more, and its removal."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.execute.verify import CACHES, size_of
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.stage_kinds import KINDS
from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import remove_folder
from retrieval_kd.io.locks import locked

Planned = Callable[[Sequence[str]], set[str]]  # overrides → names of the artifacts that they come to; raises UserError
_YOUNG = 3600.0  # seconds: what was written to within the hour may be in use


@dataclass(frozen=True)
class Removable:
    """A folder that may go, its size in bytes, and why."""

    folder: Path
    size: int
    why: str


def planned_by(options: Options) -> Planned:
    """The names of the artifacts that overrides come to today."""

    def names(overrides: Sequence[str]) -> set[str]:
        return {stage.artifact for stage in checked_plan(overrides, options).stages}

    return names


def removable(root: Path, planned: Planned, *, caches: bool = False) -> Iterator[Removable]:
    """Artifacts that the commands which made them no longer come to, since code, options or data have changed; what
    was begun and left; collections that no artifact is of. With `caches` tokens, vectors and memories too: they are
    made again when they are wanted.

    A command that cannot be planned today (its collection is gone) keeps what it made, and what that read.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    sealed = [path for path in folders if path.name.partition("-")[0] in KINDS and not path.suffix]
    wanted = _wanted(sealed, planned)
    corpora = {_corpus_of(path) for path in sealed if path.name in wanted}
    for folder in folders:
        if why := _why(folder, wanted, corpora, caches=caches):
            yield Removable(folder, size_of(folder), why)


def remove(entry: Removable) -> bool:
    """Whether the folder is gone: not where a process is making it."""
    lock = artifacts.lock_path(entry.folder.with_suffix(""))
    lock.parent.mkdir(exist_ok=True)
    with locked(lock, wait=False) as handle:
        if handle is None or not entry.folder.is_dir():
            return False
        remove_folder(entry.folder)
        return True


def _wanted(sealed: Sequence[Path], planned: Planned) -> set[str]:
    """The names of artifacts that the commands in the manifests come to, and of what those read."""
    names: set[str] = set()
    commands: dict[tuple[str, ...], list[Path]] = {}
    for folder in sealed:
        commands.setdefault(_command_of(folder), []).append(folder)
    for command, folders in commands.items():
        try:
            names |= planned(command)
        except UserError:
            names |= {name for folder in folders for name in (folder.name, *artifacts.inputs(folder).values())}
    return names


def _command_of(folder: Path) -> tuple[str, ...]:
    """The overrides that made an artifact, but for those that make again, plan alone, or name one stage."""
    try:
        command: list[str] = artifacts.read_manifest(folder)["command"]
    except (OSError, ValueError, KeyError):
        return ()
    return tuple(word for word in command if word.partition("=")[0] not in ("fresh", "dry_run", "stage"))


def _corpus_of(folder: Path) -> str:
    try:
        return f"corpus-{artifacts.read_manifest(folder)['corpus'][:16]}"
    except (OSError, ValueError, KeyError):
        return ""


def _why(folder: Path, wanted: set[str], corpora: set[str], *, caches: bool) -> str | None:
    kind = folder.name.partition("-")[0]
    if folder.suffix == ".gone":
        return "a removal that was killed"
    if kind in (*KINDS, *CACHES) and folder.suffix == ".part":
        return None if _young(folder) else "begun and left"
    if kind in KINDS and folder.name not in wanted:
        return "no command that made it comes to it today"
    if kind == "corpus" and folder.name not in corpora:
        return None if _young(folder) else "no artifact that is wanted is of it"
    if kind in CACHES and kind != "corpus" and caches and not _young(folder):
        return "a cache"
    return None


def _young(folder: Path) -> bool:
    newest = max((path.stat().st_mtime for path in folder.rglob("*")), default=folder.stat().st_mtime)
    return time.time() - newest < _YOUNG
