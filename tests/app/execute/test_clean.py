"""What no recipe refers to is listed with its size, and removed once that is allowed."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval_kd.app.main import run
from tests.app.conftest import CONF

Program = Callable[..., int]
LADDER = "experiment=ladder"


def clean(*words: str) -> int:
    return run(["clean", f"--config-dir={CONF}", *words])


def folders() -> set[str]:
    return {path.name for path in Path("artifacts").iterdir() if path.name != ".locks"}


def age(folder: Path) -> None:
    """As if it had been written yesterday."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (time.time() - 86400,) * 2)


def test_what_commands_come_to_today_stays(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    program(LADDER)
    program(LADDER, "optim.steps=3")
    before = folders()
    capsys.readouterr()
    assert clean("yes=true") == 0
    assert capsys.readouterr().out == "artifacts: nothing to remove\n"
    assert folders() == before


def test_what_another_collection_has_made_stale_goes_with_that_collection(
    program: Program, capsys: pytest.CaptureFixture[str], collection: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    for path in collection.rglob("*"):
        if path.is_file():
            (mine / path.relative_to(collection)).parent.mkdir(parents=True, exist_ok=True)
            (mine / path.relative_to(collection)).write_bytes(path.read_bytes())
    program(LADDER, f"corpus.path={mine}", "stage=lexical")
    (store,) = Path("artifacts").glob("corpus-*")
    with open(mine / "corpus.jsonl", "a", encoding="utf-8") as file:
        file.write('{"_id": "p9", "title": "", "text": "one more"}\n')
    age(store)
    capsys.readouterr()
    assert clean() == 0
    told = capsys.readouterr().out
    assert "no command that made it comes to it today" in told
    assert f"{store.name}: no artifact that is wanted is of it" in told
    assert "2 folders to remove" in told
    assert "nothing was removed: set yes=true" in told
    assert len(folders()) == 2
    assert clean("yes=true") == 0
    assert "removed 2 folders" in capsys.readouterr().out
    assert folders() == set()


def test_an_artifact_whose_command_cannot_be_planned_stays(
    program: Program, capsys: pytest.CaptureFixture[str], collection: Path, tmp_path: Path
) -> None:
    (tmp_path / "gone").symlink_to(collection)
    program(LADDER, f"corpus.path={tmp_path / 'gone'}", "stage=lexical")
    (tmp_path / "gone").unlink()
    capsys.readouterr()
    clean("yes=true")
    assert "nothing to remove" in capsys.readouterr().out


def test_what_was_begun_goes_when_it_is_old_and_caches_only_when_asked_for(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path("artifacts")
    for name in (
        "train-0000000000000000.part",
        "train-1111111111111111.part",
        "tokens-0000000000000000",
        "multirun",
        "train-images",
    ):
        (root / name).mkdir(parents=True)
        (root / name / "x").write_text("x")
    age(root / "train-0000000000000000.part")
    age(root / "tokens-0000000000000000")
    clean("yes=true")
    assert folders() == {"train-1111111111111111.part", "tokens-0000000000000000", "multirun", "train-images"}
    clean("yes=true", "caches=true")
    assert folders() == {"train-1111111111111111.part", "multirun", "train-images"}
    assert clean("cache=true") == 2
    assert "clean cache=true: takes artifacts=, caches=, yes= alone; did you mean caches?" in capsys.readouterr().err


def test_what_is_being_made_keeps_what_it_reads_and_a_damaged_manifest_keeps_its_artifact(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    program(LADDER)
    (mined,) = Path("artifacts").glob("mine-*")
    for path in Path("artifacts").glob("*-*"):
        if path.name != mined.name and not path.name.startswith(("corpus-", "train-")):
            (path / "manifest.json").write_text("{")
    capsys.readouterr()
    begun = Path("artifacts") / f"train-{'a' * 16}.part"
    begun.mkdir()
    (begun / "inputs.json").write_text(f'{{"lexical": "{mined.name}"}}')
    manifest = json.loads((mined / "manifest.json").read_text())
    (mined / "manifest.json").write_text(
        json.dumps({**manifest, "command": ["experiment=baseline", *manifest["command"][:2]]})
    )
    age(mined)
    before = folders()
    clean("yes=true")
    assert folders() == before
