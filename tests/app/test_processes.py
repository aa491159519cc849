"""Killed runs, runs side by side, and runs that were started several at once."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval_kd.app.cli.process_env import Ranks, is_first, ranks
from retrieval_kd.app.execute import launch
from retrieval_kd.app.execute.launch import Launch
from retrieval_kd.errors import ProcessLost, UserError

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
CONF, SCRIPT = HERE / "conf", HERE / "free_stages.py"
WORDS = ("experiment=ladder", "optim.steps=40", "+at.teacher.optim.steps=1", "+at.warm_up.optim.steps=1")
Started = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path, corpus: list[str]) -> Started:
    """Starts the program with the stages that cost nothing, 40 steps of training long."""

    def begin(*words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), f"--config-dir={CONF}", *corpus, *WORDS, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CALLS": str(tmp_path / "calls"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return begin


def until(there: Callable[[], bool], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


def counted(folder: Path) -> int:
    """The most steps that an unsealed training has made."""
    return max(
        (int(path.read_text() or 0) for path in folder.glob("artifacts/train-*.part/state-counter.ckpt")), default=0
    )


def sealed(folder: Path) -> list[str]:
    whole = [path.name for path in (folder / "artifacts").glob("*-*") if path.suffix != ".part"]
    return sorted(name.partition("-")[0] for name in whole if not name.startswith("corpus-"))


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_nothing_half_made_and_is_completed_when_started_again(
    start: Started, tmp_path: Path
) -> None:
    killed = start(SECONDS="0.05")
    until(lambda: counted(tmp_path) >= 5)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert sealed(tmp_path) == ["mine", "train", "train"]
    again = start()
    output, _ = again.communicate(timeout=120)
    assert again.returncode == 0, output
    assert sealed(tmp_path) == ["evaluate", "mine", "train", "train", "train"]
    assert not list(tmp_path.glob("artifacts/*.part"))
    trained = [json.loads(path.read_text()) for path in tmp_path.glob("artifacts/train-*/metrics.json")]
    resumed = next(metrics for metrics in trained if metrics["steps"] == 40)
    assert resumed["began"] >= 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status", "words"),
    [(signal.SIGTERM, 143, ("-m", "seed=0,1,2")), (signal.SIGINT, 130, ()), (signal.SIGUSR1, 138, ())],
)
def test_a_run_that_is_asked_to_stop_says_so_in_one_line_and_goes_on_when_started_again(
    start: Started, tmp_path: Path, number: signal.Signals, status: int, words: tuple[str, ...]
) -> None:
    asked = start(*words, SECONDS="0.05")
    until(lambda: counted(tmp_path) >= 5)
    asked.send_signal(number)
    output, _ = asked.communicate(timeout=60)
    assert asked.returncode == status, output
    assert output.splitlines()[-1] == f"stopped by {number.name}; the same command goes on from here"
    assert "Traceback" not in output
    again = start(*words)
    output, _ = again.communicate(timeout=120)
    assert again.returncode == 0, output
    assert len([name for name in sealed(tmp_path) if name == "evaluate"]) == (3 if words else 1)


@pytest.mark.slow
def test_fresh_waits_for_the_process_that_makes_what_it_discards(start: Started, tmp_path: Path) -> None:
    making = start(SECONDS="0.05")
    until(lambda: counted(tmp_path) >= 5)
    fresh = start("fresh=distil")
    output = [run.communicate(timeout=120)[0] for run in (making, fresh)]
    assert [making.returncode, fresh.returncode] == [0, 0], output
    whole = [path for path in tmp_path.glob("artifacts/*-*") if not path.name.startswith("corpus-")]
    assert all((path / "config.yaml").exists() and (path / "inputs.json").exists() for path in whole)


@pytest.mark.slow
def test_two_runs_side_by_side_make_each_artifact_once(start: Started, tmp_path: Path) -> None:
    both = [start(SECONDS="0.02"), start(SECONDS="0.02")]
    output = [run.communicate(timeout=120)[0] for run in both]
    assert [run.returncode for run in both] == [0, 0], output
    made = [line.split()[1] for line in (tmp_path / "calls").read_text().splitlines()]
    assert len(made) == len(set(made)) == 5
    assert any("another process is making it; waiting" in text for text in output)


@pytest.mark.slow
def test_of_several_ranks_one_makes_what_is_no_training_and_all_train(start: Started, tmp_path: Path) -> None:
    def rank(number: int) -> subprocess.Popen[str]:
        return start("machine.devices=2", RANK=str(number), WORLD_SIZE="2", MASTER_PORT="1", SECONDS="0.01")

    both = [rank(0), rank(1)]
    output = [run.communicate(timeout=120)[0] for run in both]
    assert [run.returncode for run in both] == [0, 0], output
    calls = sorted(line.split()[0] for line in (tmp_path / "calls").read_text().splitlines())
    assert calls == ["evaluate", "mine"] + ["train"] * 6
    assert output[1] == ""
    assert sealed(tmp_path) == ["evaluate", "mine", "train", "train", "train"]


@pytest.mark.slow
def test_another_number_of_processes_than_the_machine_has_is_refused(start: Started) -> None:
    run = start(RANK="0", WORLD_SIZE="2", MASTER_PORT="1")
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 2
    assert "2 processes were started: let the product be 2" in output


def test_ranks_are_read_from_torchrun_and_from_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "SLURM_NTASKS", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    assert (ranks().rank, ranks().world) == (0, 1)
    for name, value in (("SLURM_NTASKS", "4"), ("SLURM_PROCID", "3"), ("SLURM_JOB_ID", "17")):
        monkeypatch.setenv(name, value)
    assert (ranks().rank, ranks().world, ranks().first) == (3, 4, False)
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    assert (ranks().rank, ranks().world) == (1, 2)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"RANK": "5", "WORLD_SIZE": "2"},
            "RANK=5 and WORLD_SIZE=2 in the environment: give each process a RANK of its own",
        ),
        ({"RANK": "x", "WORLD_SIZE": "2"}, "RANK='x' in the environment: give a number from 0 on, or unset it"),
        ({"SLURM_NTASKS": "abc"}, "SLURM_NTASKS='abc' in the environment"),
        ({"SLURM_NTASKS": "2", "SLURM_PROCID": "-1"}, "SLURM_PROCID='-1' in the environment"),
    ],
)
def test_an_environment_that_names_no_process_is_refused(
    environment: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=re.escape(sentence)):
        ranks()
    assert is_first()


def test_a_process_whose_first_one_never_comes_or_has_ended_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Launch(Ranks(1, 2, "x"), tmp_path)
    monkeypatch.setattr(launch, "_TO_BEGIN", 0.5)
    monkeypatch.setattr(launch, "_TO_END", 0.5)
    with pytest.raises(ProcessLost, match=r"process 0 of 2 has not begun .*: start one for each RANK from 0 to 1, or"):
        second.wait_for(lambda: False)
    looks: list[bool] = []
    with Launch(Ranks(0, 2, "x"), tmp_path).present():
        second.wait_for(lambda: bool(looks.append(True)) or len(looks) > 5)
    with pytest.raises(ProcessLost, match="process 0 of 2 has ended: start all of them again"):
        second.wait_for(lambda: False)


@pytest.mark.slow
def test_a_process_ends_with_the_first_one(start: Started, tmp_path: Path) -> None:
    def rank(number: int) -> subprocess.Popen[str]:
        return start("machine.devices=2", RANK=str(number), WORLD_SIZE="2", MASTER_PORT="1", SECONDS="0.05")

    both = [rank(0), rank(1)]
    until(lambda: counted(tmp_path) >= 5)
    both[0].send_signal(signal.SIGKILL)
    output = [run.communicate(timeout=60)[0] for run in both]
    assert both[1].returncode == 1, output
    assert "process 0 of 2 has ended: start all of them again, and the same command goes on" in output[1]
    again = [rank(0), rank(1)]
    output = [run.communicate(timeout=120)[0] for run in again]
    assert [run.returncode for run in again] == [0, 0], output
