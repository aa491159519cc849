"""Folders that are whole or not there, and what is written into them."""

import json
import logging
import os
from pathlib import Path

import pytest

from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.stages.loggers import JsonLines
from retrieval_kd.app.stages.work import Work


def test_an_artifact_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "train-0123"
    part = artifacts.begin(folder, config={"seed": 0}, inputs={"mined": "mine-4567"})
    assert not artifacts.is_sealed(folder)
    assert json.loads((part / "inputs.json").read_text()) == {"mined": "mine-4567"}
    artifacts.seal(folder)
    assert artifacts.is_sealed(folder)
    assert not part.exists()


def test_what_was_begun_is_there_when_it_is_begun_again(tmp_path: Path) -> None:
    folder = tmp_path / "train-0123"
    part = artifacts.begin(folder, config={}, inputs={})
    (part / ".scratch" / "vectors").mkdir()
    goes_on = ["metrics.jsonl", "mined-25.trec", "state-7-0123456789abcdef.ckpt", "tracker-wandb.json"]
    for name in goes_on:
        (part / name).write_text("step 7")
    again = artifacts.begin(folder, config={}, inputs={})
    assert [(again / name).read_text() for name in goes_on] == ["step 7"] * 4
    assert (again / ".scratch" / "vectors").is_dir()


def test_what_no_stage_goes_on_from_is_gone_when_it_is_begun_again(tmp_path: Path) -> None:
    folder = tmp_path / "train-0123"
    part = artifacts.begin(folder, config={}, inputs={})
    (part / "payload" / "student").mkdir(parents=True)
    (part / "stray.txt").touch()
    (part / "elsewhere").symlink_to(tmp_path)
    artifacts.begin(folder, config={}, inputs={})
    assert sorted(path.name for path in part.iterdir()) == [".scratch", "config.yaml", "inputs.json"]


def test_a_kill_while_sealing_leaves_the_state_to_go_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "train-0123"
    state = artifacts.begin(folder, config={}, inputs={}) / "state-7-0123456789abcdef.ckpt"
    state.touch()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", killed)
    (state.parent / ".scratch").rmdir()
    with pytest.raises(KeyboardInterrupt):
        artifacts.seal(folder)
    assert state.exists()


def test_what_was_kept_for_resuming_is_gone_once_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "train-0123"
    part = artifacts.begin(folder, config={}, inputs={})
    (part / ".scratch" / "vectors").mkdir()  # of a re-mining that was killed
    (part / "payload").mkdir()
    for name in (
        "state-7-0123456789abcdef.ckpt",
        "state.part",
        "task.yaml",
        "error.txt",
        "mined-25.trec",
        "payload/.run.trec.x.part",
        "kept.txt",
    ):
        (part / name).touch()
    artifacts.seal(folder)
    assert sorted(path.name for path in folder.rglob("*")) == ["config.yaml", "inputs.json", "kept.txt", "payload"]


def test_a_discarded_artifact_is_gone_sealed_or_not(tmp_path: Path) -> None:
    folder = tmp_path / "mine-0123"
    artifacts.begin(folder, config={}, inputs={})
    artifacts.seal(folder)
    artifacts.begin(folder, config={}, inputs={})
    artifacts.discard(folder)
    assert list(tmp_path.iterdir()) == []


def test_work_logs_rows_to_every_logger(tmp_path: Path) -> None:
    loggers = (JsonLines(tmp_path / "first.jsonl"), JsonLines(tmp_path / "second.jsonl"))
    work = Work(tmp_path, tmp_path, loggers=loggers)
    work.log(step=10, loss=0.5)
    work.log(step=20, loss=0.25)
    for name in ("first", "second"):
        rows = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        assert rows == [{"step": 10, "loss": 0.5}, {"step": 20, "loss": 0.25}]


def test_work_makes_its_payload(tmp_path: Path) -> None:
    assert Work(tmp_path, tmp_path).payload.is_dir()


def test_a_json_file_keeps_the_order_it_was_given(tmp_path: Path) -> None:
    artifacts.write_json(tmp_path / "metrics.json", {"test": {"nDCG@10": 0.5, "RR@10": 0.25}})
    assert list(artifacts.metrics(tmp_path)["test"]) == ["nDCG@10", "RR@10"]


def test_a_lock_is_free_again_when_its_holder_is_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(2):
        with artifacts.locked(tmp_path / "mine-0123") as descriptor:
            assert descriptor > 0
    assert caplog.messages == []
