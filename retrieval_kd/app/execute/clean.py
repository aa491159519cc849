"""What of a folder of artifacts no recipe refers to any more, and its removal."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
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
# <kind>-<key>, a Lucene index with its language; begun, or half removed
_NAME = re.compile(rf"(?:{'|'.join((*KINDS, *CACHES))})-[0-9a-f]{{16}}(?:-[a-z]{{2}})?(?:\.part|\.\d+\.\d+\.gone)?")
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

    A command that cannot be planned today (its collection is gone) keeps what it made, and what that read; so does what
    is being made. Only folders with an artifact's or a cache's name are looked at.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir() and _NAME.fullmatch(path.name))
    sealed = [path for path in folders if path.name.partition("-")[0] in KINDS and not path.suffix]
    begun = [path for path in folders if path.suffix == ".part"]
    wanted = _with_inputs(_wanted(sealed, planned).union(*map(_inputs_of, begun)), root)
    corpora = {_corpus_of(path) for path in sealed if path.name in wanted}
    in_use = any(map(_young, begun))  # what is being made may read any collection
    for folder in folders:
        if why := _why(folder, wanted, corpora, caches=caches):
            if not (in_use and folder.name.startswith("corpus-")):
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
    """The names of artifacts that the commands in the manifests come to; one whose manifest cannot be read stays, and
    so does what a command made that cannot be planned today.
    """
    names: set[str] = set()
    commands: dict[tuple[str, ...], list[str]] = {}
    for folder in sealed:
        command = _command_of(folder)
        if command is None:
            names.add(folder.name)
        else:
            commands.setdefault(command, []).append(folder.name)
    for command, made in commands.items():
        try:
            names |= planned(command)
        except UserError:
            names |= set(made)
    return names


def _with_inputs(names: set[str], root: Path) -> set[str]:
    """The names, with those of all that these artifacts were made from, and so on."""
    left, everything = list(names), set(names)
    while left:
        for name in _inputs_of(root / left.pop()) - everything:
            everything.add(name)
            left.append(name)
    return everything


def _inputs_of(folder: Path) -> set[str]:
    """The artifacts that one reads, sealed or begun; none where that is not told."""
    try:
        return set(artifacts.inputs(folder).values())
    except (OSError, ValueError, AttributeError):
        return set()


def _command_of(folder: Path) -> tuple[str, ...] | None:
    """The overrides that made an artifact, but for those that make again, plan alone, or name one stage; None where its
    manifest does not tell.
    """
    try:
        command: list[str] = artifacts.read_manifest(folder)["command"]
    except (OSError, ValueError, KeyError):
        return None
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
    times = [folder.stat().st_mtime]
    for path in folder.rglob("*"):
        with suppress(OSError):  # gone meanwhile
            times.append(path.stat().st_mtime)
    return time.time() - max(times) < _YOUNG
