"""Artifacts: folders that are whole or not there, made once by one process, named by the key of what made them."""

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from retrieval_kd.app.stages.work import SCRATCH
from retrieval_kd.io.atomic import atomic_write, sync
from retrieval_kd.io.locks import locked as lock_file

_log = logging.getLogger(__name__)

# what a stage that was killed goes on from; whatever else it left is made again
_FOR_RESUMING = ("state-*.ckpt", "mined-*.trec", "metrics.jsonl", "tracker-*.json", SCRATCH)
# what a sealed artifact has no use for
_UNSEALED = ("state*", "task.yaml", "fault.txt", ".begun-*", "mined-*.trec", ".*.part")


KEY = "key.json"  # what the artifact's key is the digest of


def is_sealed(folder: Path) -> bool:
    """Whether the artifact is there. What is there is whole."""
    return folder.is_dir()


def aside(folder: Path) -> Path:
    """Where an artifact is made before it has its name."""
    return folder.with_name(f"{folder.name}.part")


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Holds the artifact's lock, waiting for a process that makes it; gives the lock's file descriptor.

    A lock ends with the process that holds it, however that ends.
    """
    path = folder.parent / ".locks" / f"{folder.name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = partial(_log.info, "%s: another process is making it; waiting for that one", folder.name)
    with lock_file(path, waiting=waiting) as lock:
        assert lock is not None
        yield lock.fileno()


def begin(folder: Path, *, config: dict[str, Any], inputs: dict[str, str]) -> Path:
    """The folder aside, with the stage's config and the artifacts it reads written into it. Of what was there before,
    what a stage goes on from stays, and nothing else, so that nothing strange is sealed.
    """
    part = aside(folder)
    part.mkdir(parents=True, exist_ok=True)
    for path in part.iterdir():
        if not any(path.match(pattern) for pattern in _FOR_RESUMING):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (part / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(config)), encoding="utf-8")
    write_json(part / "inputs.json", inputs)
    (part / SCRATCH).mkdir(exist_ok=True)
    return part


def seal(folder: Path) -> None:
    """Gives a whole folder aside its name, after all of it is on disk; what it was resumed from goes last, so that a
    kill before that repeats nothing.
    """
    part = aside(folder)
    if (part / SCRATCH).is_dir():  # moved away first, since a helper may still be writing there
        _remove(part / SCRATCH, folder)
    unsealed = {path for pattern in _UNSEALED for path in part.rglob(pattern)}
    for path in sorted(set(part.rglob("*")) - unsealed):
        sync(path)
    sync(part)
    os.rename(part, folder)
    sync(folder.parent)
    for path in unsealed:
        (folder / path.relative_to(part)).unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Removes an artifact and what was begun of it. A killed removal leaves nothing that looks whole."""
    for path in (folder, aside(folder)):
        if path.is_dir():
            _remove(path, folder)


def _remove(path: Path, folder: Path) -> None:
    gone = folder.with_name(f"{folder.name}.{os.getpid()}.{time.time_ns()}.gone")
    os.rename(path, gone)
    shutil.rmtree(gone, ignore_errors=True)


def metrics(folder: Path) -> dict[str, Any]:
    """The metrics of a sealed artifact."""
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return found


def write_json(path: Path, value: Any) -> None:
    """Writes JSON that is never half there."""
    with atomic_write(path) as file:
        file.write(json.dumps(value, indent=1) + "\n")
