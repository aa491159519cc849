"""Tries a row: the program must end with status 2 and one sentence, soon, and leave nothing."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FrameType

from hydra.core.global_hydra import GlobalHydra

from retrieval_kd.app import jobs
from retrieval_kd.app.main import run
from retrieval_kd.app.plan.options import Options
from tests.bad_inputs.row import Goods, Place, Row
from tests.house.tree import ROOT

LONGEST = 40  # seconds after which a row counts as one that waits for ever
_SENTENCES = 3  # lines at most on standard error: a fault may be told of several stages


class Hangs(BaseException):
    """The program did not end."""


@dataclass(frozen=True)
class Answer:
    """How a command ended; `left` is what it wrote, changed or took away."""

    status: int | None
    errors: str
    left: tuple[str, ...]
    seconds: float


def tried(row: Row, goods: Goods, folder: Path) -> Answer:
    """The answer to a row, in an empty folder."""
    place = Place(goods, folder)
    place.inputs.mkdir(parents=True)
    place.work.mkdir()
    (folder / "tmp").mkdir()
    words = row.overrides(place)
    before, began = _seen(folder), time.monotonic()
    env = {"TMPDIR": str(folder / "tmp"), **row.env}
    status, errors = _apart(words, place.work, env, row.before) if row.apart else _here(words, place.work, env)
    after = _seen(folder)
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)} - {place.work.name}
    return Answer(status, errors, tuple(sorted(changed)), time.monotonic() - began)


def wrong(row: Row, answer: Answer) -> str | None:
    """What is wrong with an answer; None where the input was refused clearly."""
    lines = [line for line in answer.errors.splitlines() if line.strip()]
    last = lines[-1] if lines else "nothing on standard error"
    if answer.status is None:
        return f"ran for more than {LONGEST} seconds"
    if "Traceback" in answer.errors:
        return f"a traceback: {last}"
    if answer.status != 2:
        return f"status {answer.status}: {last}"
    if lacking := [word for word in row.words if word not in answer.errors]:
        return f"the message lacks {lacking}: {last}"
    if len(lines) > _SENTENCES:
        return f"{len(lines)} lines: {' / '.join(lines)}"
    return f"wrote {', '.join(answer.left[:4])}: {last}" if answer.left else None


def _here(words: Sequence[str], work: Path, env: Mapping[str, str | None]) -> tuple[int | None, str]:
    """(status, standard error) of the program in this process."""
    errors = io.StringIO()
    with _surroundings(work, env), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        try:
            with _alarm():
                status: int | None = run(words)
        except Hangs:
            status = None
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        except Exception:
            traceback.print_exc()
            status = 1
    return status, errors.getvalue()


def _apart(words: Sequence[str], work: Path, env: Mapping[str, str | None], first: str) -> tuple[int | None, str]:
    """(status, standard error) of the program in a process of its own."""
    whole = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env}
    command = ["sh", "-c", f'{first or ":"} && exec "$@"', "sh", sys.executable, str(ROOT / "train.py"), *words]
    found = {name: value for name, value in whole.items() if value is not None}
    try:
        answer = subprocess.run(command, cwd=work, env=found, capture_output=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return None, ""
    return answer.returncode, answer.stderr.decode(errors="replace")


@contextlib.contextmanager
def _surroundings(work: Path, env: Mapping[str, str | None]) -> Iterator[None]:
    before, argv, temporary = dict(os.environ), sys.argv, tempfile.tempdir
    GlobalHydra.instance().clear()
    for name, value in env.items():
        os.environ.pop(name, None)
        os.environ.update({} if value is None else {name: value})
    sys.argv, tempfile.tempdir = ["train.py"], None
    options, jobs.Options = jobs.Options, lambda *_: _composed_once()  # type: ignore[assignment,misc]
    try:
        with contextlib.chdir(work):
            yield
    finally:
        jobs.Options = options  # type: ignore[misc]
        os.environ.clear()
        os.environ.update(before)
        sys.argv, tempfile.tempdir = argv, temporary


@lru_cache
def _composed_once() -> Options:
    """What is composed for one row is there for the next."""
    return Options()


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise Hangs

    was = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, was)


def _seen(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path below a folder with its size and the time of its last change; folders by their names alone."""
    found = {}
    for path in folder.rglob("*"):
        state = path.lstat()
        found[str(path.relative_to(folder))] = (-1, -1) if path.is_dir() else (state.st_size, state.st_mtime_ns)
    return found
