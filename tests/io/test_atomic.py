"""Whole or not there, whoever is killed or comes at the same time."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retrieval_kd.io.atomic import atomic_folder, atomic_write


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    made = []

    def make(aside: Path) -> None:
        made.append(aside)
        (aside / "x").write_text("1")

    assert atomic_folder(tmp_path / "a" / "f", make) == atomic_folder(tmp_path / "a" / "f", make)
    assert len(made) == 1
    assert (tmp_path / "a" / "f" / "x").read_text() == "1"
    assert os.listdir(tmp_path / "a") == ["f"]


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(aside: Path) -> None:
        (aside / "half").write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        atomic_folder(tmp_path / "new" / "f", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_does_not_take_neighbours_away(tmp_path: Path) -> None:
    (tmp_path / "neighbour").mkdir()

    def fail(aside: Path) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        atomic_folder(tmp_path / "f", fail)
    assert os.listdir(tmp_path) == ["neighbour"]


KILLED = """
import sys, time
from pathlib import Path
from retrieval_kd.io.atomic import atomic_folder

def make(aside):
    (aside / "half").write_text("half")
    (aside / "deep").mkdir()
    (aside / "deep" / "half").write_text("half")
    print("writing", flush=True)
    time.sleep(60)

atomic_folder(Path(sys.argv[1]), make)
"""


def test_what_a_killed_process_left_is_swept_and_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, folder], stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": "."}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
    assert not folder.exists()
    assert (tmp_path / "f.part" / "half").exists()
    atomic_folder(folder, lambda aside: (aside / "whole").write_text("whole"))
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") == ["SHA256SUMS", "whole"]
    assert os.listdir(tmp_path) == ["f"]


def _make_slowly(folder: Path, count: Path) -> None:
    def make(aside: Path) -> None:
        with count.open("a") as file:
            file.write("made\n")
        (aside / "part one").write_text("1")
        time.sleep(0.2)
        (aside / "part two").write_text("2")

    atomic_folder(folder, make)
    assert sorted(path.name for path in folder.glob("part*")) == ["part one", "part two"]


@pytest.mark.slow
def test_processes_that_come_together_share_one_making(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    folder, count = tmp_path / "artifacts" / "f", tmp_path / "count"
    processes = [context.Process(target=_make_slowly, args=(folder, count)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert count.read_text() == "made\n"
    assert os.listdir(folder.parent) == ["f"]


def test_a_file_takes_the_old_ones_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x"
    with atomic_write(path) as file:
        file.write("first ü\n")
    with pytest.raises(UnicodeEncodeError), atomic_write(path) as file:
        file.writelines(["half\n", "half a character: \ud83d"])
    assert path.read_text(encoding="utf-8") == "first ü\n"
    assert os.listdir(path.parent) == ["x"]


def test_a_file_may_be_read_by_whom_the_mask_allows(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "x") as file:
        file.write("x")
    (tmp_path / "y").write_text("y")
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode
