"""One recipe, run without a fault and with many: what each fault did, and whether the results are the same bytes."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.house.tree import ROOT

SMALL = ("corpus=beir", "optim.steps=6", "data.queries_per_step=8", "machine=cpu", "save_every=1")
KINDS = ("SIGKILL", "SIGTERM", "file limit")
_OF_THE_CLOCK = ("seconds", "per_second", "memory")  # parts of names of metrics that no two runs share
_LATEST = 3.0  # seconds from the first write of a process to its fault, at most
_LIMITS = (2_000, 400_000)  # bytes that a file may have, at least and at most
_PATIENCE = 600.0  # seconds


@dataclass
class Tally:
    """What came of a recipe's faults; `wrong` says what should not have been."""

    recipe: str
    injected: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    wrong: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    files: int = 0
    seconds: float = 0.0

    @property
    def faults(self) -> int:
        return sum(self.injected.values())


def inject(
    recipe: str, words: Sequence[str], *, folder: Path, collection: Path, backbone: Path, faults: int, seed: int = 0
) -> Tally:
    """Runs the recipe once undisturbed, then again and again with faults, until there were so many of them and the last
    run has come to its end; the results of every run that did are compared with those of the first.
    """
    tally, chance, began = Tally(recipe), random.Random(f"{recipe} {seed}"), time.monotonic()
    command = [sys.executable, "-m", "tests.faults.child", str(backbone), *words, *SMALL, f"corpus.path={collection}"]
    place = folder / "artifacts"  # one for all runs: roles.json tells where a teacher lies
    command.append(f"artifacts={place}")
    with _started(command) as process:
        output, _ = process.communicate(timeout=_PATIENCE)
    if process.returncode != 0:
        tally.wrong.append(f"undisturbed: exit {process.returncode}: {output[-500:]}")
        return tally
    expected = results(place)
    tally.files = len(expected)
    while tally.faults < faults and not tally.wrong:
        shutil.rmtree(place)
        while not _ends_well(command, place, tally, chance, wanted=faults):
            if tally.wrong:
                break
        tally.differing += differences(expected, results(place))
        tally.wrong += [f"left behind: {name}" for name in leftovers(place)]
    tally.seconds = time.monotonic() - began
    return tally


def _ends_well(command: Sequence[str], place: Path, tally: Tally, chance: random.Random, *, wanted: int) -> bool:
    """Whether a run came to its end; it gets a fault unless there were enough."""
    kind = KINDS[tally.faults % len(KINDS)] if tally.faults < wanted else ""
    limit = int(chance.uniform(*_LIMITS)) if kind == "file limit" else None
    before = _newest(place)
    with _started(command, limit=limit) as process:
        hit = False
        if kind.startswith("SIG"):
            hit = _until(lambda: _newest(place) > before, process)
            time.sleep(chance.uniform(0, _LATEST) if hit else 0)
            hit = hit and process.poll() is None
            if hit:
                process.send_signal(getattr(signal, kind))
        output, _ = process.communicate(timeout=_PATIENCE)
    status = process.returncode
    if kind == "file limit" and status != 0:
        hit = True
    if hit:
        tally.injected[kind] += 1
    expected = {"SIGKILL": -9, "SIGTERM": 143, "file limit": 2}.get(kind) if hit else 0
    if status != expected and status != 0:
        tally.wrong.append(f"{kind or 'no fault'}: exit {status} for {expected}: {output[-800:]}")
    if status in (2, 143) and "Traceback" in output:
        tally.wrong.append(f"{kind}: a traceback: {output[-800:]}")
    return status == 0


def _until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> bool:
    """Whether the condition came true while the process ran."""
    while process.poll() is None:
        if condition():
            return True
        time.sleep(0.01)
    return False


def _newest(folder: Path) -> int:
    """The time of the last change of what a run writes, in nanoseconds."""
    newest = 0
    for path in folder.rglob("*") if folder.exists() else ():
        try:
            newest = max(newest, path.stat().st_mtime_ns)
        except FileNotFoundError:
            continue
    return newest


def _started(command: Sequence[str], *, limit: int | None = None) -> "subprocess.Popen[str]":
    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=limited,
    )


def results(artifacts: Path) -> dict[str, Any]:
    """artifact/file → its digest; of metrics what two runs share."""
    shared: dict[str, Any] = {}
    for manifest in artifacts.glob("*-*/manifest.json"):
        folder = manifest.parent
        for name, digest in json.loads(manifest.read_text(encoding="utf-8"))["files"].items():
            path, key = folder / name, f"{folder.name}/{name}"
            if name.endswith("metrics.json"):
                shared[key] = _timeless(json.loads(path.read_text(encoding="utf-8")))
            elif name.endswith("metrics.jsonl"):
                shared[key] = [_timeless(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
            else:
                shared[key] = digest
    return shared


def _timeless(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {name: inner for name, inner in value.items() if not any(word in name for word in _OF_THE_CLOCK)}
    return {name: _timeless(inner) for name, inner in kept.items()}


def differences(expected: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """The names of results that are gone, new, or not the same."""
    nothing = object()
    names = sorted({*expected, *there})
    return [name for name in names if expected.get(name, nothing) != there.get(name, nothing)]


def leftovers(artifacts: Path) -> Iterator[str]:
    """What a run leaves that it should not: unsealed folders, removals that were not finished, temporary files."""
    for path in artifacts.rglob("*"):
        if path.suffix in (".part", ".gone") or path.name.startswith("tmp"):
            yield path.relative_to(artifacts).as_posix()
