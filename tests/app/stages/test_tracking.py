"""Where metrics go."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retrieval_kd.app.stages.tracking import Files, Subject, Wandb
from retrieval_kd.errors import UserError

SUBJECT = Subject("distil", "train", "train", "train-0123", {"optim": {"lr": 0.5}})


class FakeRun:
    def __init__(self) -> None:
        self.url, self.summary, self.rows, self.exit = "https://tracker/run", dict[str, Any](), list[Any](), None

    def log(self, row: dict[str, Any], step: int | None) -> None:
        self.rows.append((step, row))

    def finish(self, exit_code: int) -> None:
        self.exit = exit_code


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands in for the package: keeps what `init` was called with."""
    fake = SimpleNamespace(run=FakeRun(), asked=[], Settings=lambda **given: given)
    fake.init = lambda **given: fake.asked.append(given) or fake.run
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return fake


def test_metrics_are_json_lines_whatever_tracks(tmp_path: Path, wandb: SimpleNamespace) -> None:
    for option in (Files(), Wandb(mode="offline", project="mine", entity=None)):
        (tmp_path / "metrics.jsonl").unlink(missing_ok=True)
        for sink in option.follow(SUBJECT, tmp_path):
            sink.log({"step": 10, "loss": 0.5})
        assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"step": 10, "loss": 0.5}


def test_an_artifact_is_one_run_with_the_recipe_as_group_and_the_verb_as_job_type(
    tmp_path: Path, wandb: SimpleNamespace
) -> None:
    sinks = Wandb(mode="offline", project="mine", entity=None).follow(SUBJECT, tmp_path)
    asked = wandb.asked[0]
    assert (asked["group"], asked["job_type"], asked["mode"]) == ("distil", "train", "offline")
    assert asked["config"] == {"optim": {"lr": 0.5}}
    for sink in sinks:
        sink.log({"step": 10, "loss": 0.5})
        sink.finish({"test": {"nDCG@10": 0.25}, "seconds": 3})
    assert wandb.run.rows == [(10, {"loss": 0.5})]
    assert wandb.run.summary == {"test/nDCG@10": 0.25, "seconds": 3}
    assert wandb.run.exit == 0


def test_a_stage_that_ends_early_is_a_failed_run_and_goes_on_in_it(tmp_path: Path, wandb: SimpleNamespace) -> None:
    option = Wandb(mode="offline", project="mine", entity=None)
    option.follow(SUBJECT, tmp_path)[1].finish(None)
    assert wandb.run.exit == 1
    option.follow(SUBJECT, tmp_path)
    assert wandb.asked[0]["id"] == wandb.asked[1]["id"]


def test_a_stage_that_goes_on_from_an_earlier_step_logs_no_step_twice(tmp_path: Path, wandb: SimpleNamespace) -> None:
    option = Wandb(mode="offline", project="mine", entity=None)
    for begin, end in ((10, 40), (20, 50), (30, 60)):
        sinks = option.follow(SUBJECT, tmp_path)
        for sink in sinks:
            for step in range(begin, end, 10):
                sink.log({"step": step, "attempt": begin})
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["attempt"]) for row in rows] == [(10, 10), (20, 20), (30, 30), (40, 30), (50, 30)]
    assert [(step, row["attempt"]) for step, row in wandb.run.rows] == [
        (10, 10),
        (20, 10),
        (30, 10),
        (40, 20),
        (50, 30),
    ]


def test_a_run_of_its_own_has_all_rows_of_a_stage_that_was_tracked_in_files_before(
    tmp_path: Path, wandb: SimpleNamespace
) -> None:
    Files().follow(SUBJECT, tmp_path)[0].log({"step": 20, "loss": 1.0})
    for sink in Wandb(mode="offline", project="mine", entity=None).follow(SUBJECT, tmp_path):
        sink.log({"step": 10, "loss": 0.5})
    assert wandb.run.rows == [(10, {"loss": 0.5})]


def test_half_a_line_of_a_killed_attempt_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 10, "loss": 0.5}\n{"step": 20, "lo')
    Files().follow(SUBJECT, tmp_path)[0].log({"step": 20, "loss": 0.25})
    assert [json.loads(line)["loss"] for line in path.read_text().splitlines()] == [0.5, 0.25]


def test_a_mode_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match=r"tracking\.mode=on-line: give offline or online"):
        Wandb(mode="on-line", project="mine", entity=None)


@pytest.mark.slow
def test_tracking_is_handed_to_every_stage(program: Callable[..., int], wandb: SimpleNamespace) -> None:
    assert program("experiment=ladder", "tracking=wandb") == 0
    assert [asked["job_type"] for asked in wandb.asked] == ["mine", "train", "train", "train", "evaluate"]
    assert {asked["group"] for asked in wandb.asked} == {"ladder"}
