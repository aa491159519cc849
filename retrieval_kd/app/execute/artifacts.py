"""Artifacts: folders that are whole or not there, made once by one process, named by the key of what made them."""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from retrieval_kd.app.stages.work import SCRATCH
from retrieval_kd.io.atomic import atomic_write, remove_folder, sync
from retrieval_kd.io.digests import file_digest
from retrieval_kd.io.intact import differing, files_in
from retrieval_kd.io.locks import locked as lock_file

_log = logging.getLogger(__name__)

# what a stage that was killed goes on from; whatever else it left is made again
_FOR_RESUMING = ("state-*.ckpt", "mined-*.trec", "metrics.jsonl", "tracker-*.json", SCRATCH)
# what a sealed artifact has no use for
_UNSEALED = ("state*", "task.yaml", "error.txt", ".begun-*", "mined-*.trec", ".*.part")


KEY = "key.json"  # what the artifact's key is the digest of
MANIFEST = "manifest.json"


def is_sealed(folder: Path) -> bool:
    """Whether the artifact is there. What is there is whole."""
    return folder.is_dir()


def part_folder(folder: Path) -> Path:
    """Where an artifact is made before it has its name."""
    return folder.with_name(f"{folder.name}.part")


def lock_path(folder: Path) -> Path:
    """The file on which an artifact's lock is held."""
    return folder.parent / ".locks" / f"{folder.name}.lock"


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Holds the artifact's lock, waiting for a process that makes it; gives the lock's file descriptor.

    A lock ends with the process that holds it, however that ends. Its file goes with it, while it is still held: who
    waited for it finds that file gone, and takes the lock of a new one.
    """
    path = lock_path(folder)
    waiting = partial(_log.info, "%s: another process is making it; waiting for that one", folder.name)
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock_file(path, waiting=waiting) as lock:
            if lock is None:
                continue
            yield lock.fileno()
            path.unlink(missing_ok=True)  # not after an exception: children may still hold it
            return


def begin(folder: Path, *, config: dict[str, Any], inputs: dict[str, str]) -> Path:
    """The part folder, with the stage's config and the artifacts it reads written into it. Of what was there before,
    what a stage goes on from stays, and nothing else, so that nothing strange is sealed.
    """
    part = part_folder(folder)
    part.mkdir(parents=True, exist_ok=True)
    for path in part.iterdir():
        if not any(path.match(pattern) for pattern in _FOR_RESUMING):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (part / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(config)), encoding="utf-8")
    write_json(part / "inputs.json", inputs)
    (part / SCRATCH).mkdir(exist_ok=True)
    return part


def seal(folder: Path) -> None:
    """Gives a whole part folder its name, after all of it is on disk; what it was resumed from goes last, so that a
    kill before that repeats nothing.
    """
    part = part_folder(folder)
    if (part / SCRATCH).is_dir():  # moved away first, since a helper may still be writing there
        remove_folder(part / SCRATCH, beside=folder)
    unsealed = {path for pattern in _UNSEALED for path in part.rglob(pattern)}
    for path in sorted(set(part.rglob("*")) - unsealed):
        sync(path)
    sync(part)
    os.rename(part, folder)
    sync(folder.parent)
    for path in unsealed:
        (folder / path.relative_to(part)).unlink(missing_ok=True)


def sealed_digests(part: Path) -> dict[str, str]:
    """name → SHA-256 of every file of the folder aside that is going to be sealed, the manifest aside."""
    left_out = (*_UNSEALED, MANIFEST)
    return {
        name: file_digest(part / name)
        for name in files_in(part)
        if not any((part / name).match(pattern) for pattern in left_out) and not name.startswith(f"{SCRATCH}/")
    }


def damaged(folder: Path) -> list[str]:
    """The files of a sealed artifact that are gone or are not what was sealed; the manifest where it cannot be read."""
    try:
        digests = read_manifest(folder)["files"]
    except (OSError, ValueError, KeyError):
        return [MANIFEST]
    return differing(folder, digests)


def damage(folder: Path) -> str | None:
    """A sentence about what of a sealed artifact is damaged, if anything is."""
    if not (files := damaged(folder)):
        return None
    return f"{folder}: {', '.join(files)} {'are' if len(files) > 1 else 'is'} not what was sealed there"


def read_manifest(folder: Path) -> dict[str, Any]:
    """What made a sealed artifact. Raises OSError or ValueError where it has no manifest that can be read."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise ValueError(f"{folder / MANIFEST} is no manifest")
    return manifest


def discard(folder: Path) -> None:
    """Removes an artifact and what was begun of it. A killed removal leaves nothing that looks whole."""
    for path in (folder, part_folder(folder)):
        if path.is_dir():
            remove_folder(path, beside=folder)


def metrics(folder: Path) -> dict[str, Any]:
    """The metrics of a sealed artifact."""
    values: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return values


def inputs(folder: Path) -> dict[str, str]:
    """The names of the artifacts that a sealed one was made from, by stage."""
    read: dict[str, str] = json.loads((folder / "inputs.json").read_text(encoding="utf-8"))
    return read


def write_json(path: Path, value: Any) -> None:
    """Writes JSON that is never half there."""
    with atomic_write(path) as file:
        file.write(json.dumps(value, indent=1) + "\n")
