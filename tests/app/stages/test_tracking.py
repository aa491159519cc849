"""Where metrics go."""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.loggers import Logger

from retrieval_kd.app.stages import loggers
from retrieval_kd.app.stages.loggers import BackgroundLogger, JsonLines
from retrieval_kd.app.stages.secrets import LEFT_OUT, without_secrets
from retrieval_kd.app.stages.tracking import Files, MLflow, RunInfo, TensorBoard, Wandb
from retrieval_kd.errors import UserError

INFO = RunInfo("distil", "train", "train", "train-0123", {"optim": {"lr": 0.5}})


class FakeRun:
    """Stands in for W&B's run."""

    def __init__(self, id: str) -> None:
        self.id, self.rows, self.axes, self.exit = id, list[Any](), list[Any](), None
        self.config = SimpleNamespace(update=lambda params, **_: setattr(self, "sent", params))

    def define_metric(self, name: str, **given: Any) -> None:
        self.axes.append((name, given.get("step_metric")))

    def log(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def finish(self, exit_code: int) -> None:
        self.exit = exit_code


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """The runs that W&B was asked to begin: what `init` was called with, and the run."""
    begun: list[SimpleNamespace] = []

    def init(**given: Any) -> FakeRun:
        begun.append(SimpleNamespace(asked=given, run=FakeRun(given["id"])))
        return begun[-1].run

    monkeypatch.setattr("wandb.init", init)
    return begun


def wandb(mode: str = "offline") -> Wandb:
    return Wandb(mode=mode, project="mine", entity=None)


def attempt(option: Files, folder: Path, steps: range, *, end: str | None = None, **values: float) -> None:
    """Opens the loggers, logs a row a step, and closes them: with final metrics where it ends in success."""
    opened = option.open(INFO, folder)
    for logger in opened:
        for step in steps:
            logger.log_metrics({"loss": 0.5, **values}, step)
        if end == "success":
            logger.log_metrics({"test/nDCG@10": 0.25})
        logger.close(end or "failed")


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_metrics_are_json_lines_whatever_tracks(tmp_path: Path, runs: list[Any]) -> None:
    for name, option in (("files", Files()), ("wandb", wandb())):
        (tmp_path / name).mkdir()
        attempt(option, tmp_path / name, range(10, 11), end="success")
        assert rows_of(tmp_path / name) == [{"step": 10, "loss": 0.5}, {"test/nDCG@10": 0.25}]


def test_wandb_gets_a_run_for_each_artifact_with_its_config_its_rows_and_its_final_metrics(
    tmp_path: Path, runs: list[Any]
) -> None:
    attempt(wandb(), tmp_path, range(10, 11), end="success")
    asked, run = runs[0].asked, runs[0].run
    assert (asked["project"], asked["group"], asked["job_type"]) == ("mine", "distil", "train")
    assert (asked["name"], asked["mode"], asked["dir"]) == ("distil/train", "offline", str(tmp_path.parent))
    assert run.sent == INFO.config
    assert run.axes == [("trainer/global_step", None), ("*", "trainer/global_step")]
    assert run.rows == [{"loss": 0.5, "trainer/global_step": 10}, {"test/nDCG@10": 0.25}]
    assert run.exit == 0


def test_a_stage_that_ends_early_is_a_failed_run_and_goes_on_in_it(tmp_path: Path, runs: list[Any]) -> None:
    attempt(wandb(), tmp_path, range(0))
    attempt(wandb(), tmp_path, range(0), end="success")
    assert [one.run.exit for one in runs] == [1, 0]
    assert runs[0].asked["id"] == runs[1].asked["id"]


def test_a_stage_that_goes_on_from_an_earlier_step_logs_no_step_twice(tmp_path: Path, runs: list[Any]) -> None:
    for begin, last in ((10, 30), (20, 40), (20, 50)):
        attempt(wandb(), tmp_path, range(begin, last + 1, 10), attempt=begin)
    sent = [(row["trainer/global_step"], row["attempt"]) for one in runs for row in one.run.rows]
    assert sent == [(10, 10), (20, 10), (30, 10), (40, 20), (50, 20)]
    assert [(row["step"], row["attempt"]) for row in rows_of(tmp_path)] == [
        (10, 10),
        (20, 20),
        (30, 20),
        (40, 20),
        (50, 20),
    ]


def test_final_metrics_are_logged_once_though_the_stage_was_killed_before_it_was_sealed(
    tmp_path: Path, runs: list[Any]
) -> None:
    for _ in range(2):
        attempt(wandb(), tmp_path, range(10, 11), end="success")
    assert [len(one.run.rows) for one in runs] == [2, 0]
    assert rows_of(tmp_path) == [{"step": 10, "loss": 0.5}, {"test/nDCG@10": 0.25}]


def test_a_run_of_its_own_has_all_rows_of_a_stage_that_was_tracked_in_files_before(
    tmp_path: Path, runs: list[Any]
) -> None:
    attempt(Files(), tmp_path, range(20, 21))
    attempt(wandb(), tmp_path, range(10, 11))
    assert runs[0].run.rows == [{"loss": 0.5, "trainer/global_step": 10}]


def test_half_a_line_of_a_killed_attempt_is_cut(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 10, "loss": 0.5}\n{"step": 20, "lo')
    JsonLines(tmp_path / "metrics.jsonl").log_metrics({"loss": 0.25}, 20)
    assert [row["loss"] for row in rows_of(tmp_path)] == [0.5, 0.25]


def test_several_rows_of_one_step_all_stay(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "metrics.jsonl")
    lines.log_metrics({"lr-AdamW": 0.5}, 10)
    lines.log_metrics({"loss": 0.25}, 10)
    assert rows_of(tmp_path) == [{"step": 10, "lr-AdamW": 0.5}, {"step": 10, "loss": 0.25}]


class Memory(Logger):
    """Keeps what it is handed, and fails at a step where asked."""

    name, version = "memory", "0"

    def __init__(self, fails_at: int | None = None, waits: threading.Event | None = None) -> None:
        super().__init__()
        self.rows, self.fails_at, self.waits, self.ended = list[int | None](), fails_at, waits, ""

    def log_hyperparams(self, *_: Any, **__: Any) -> None: ...

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        if self.waits is not None:
            self.waits.wait()
        if step == self.fails_at:
            raise OSError("No space left on device, says https://me:secret@tracker/run")
        self.rows.append(step)

    def finalize(self, status: str) -> None:
        self.ended = status


def in_background(logger: Logger | Exception, folder: Path) -> BackgroundLogger:
    folder.mkdir(parents=True, exist_ok=True)

    def open_run(_: str | None) -> Logger:
        if isinstance(logger, Exception):
            raise logger
        return logger

    return BackgroundLogger("memory", open_run, folder=folder, config={})


def fed(logger: Logger | Exception, folder: Path, steps: int = 3) -> None:
    background = in_background(logger, folder)
    for step in range(steps):
        background.log_metrics({"loss": 0.5}, step)
    background.close("success")


@pytest.mark.parametrize("tracker", [Memory(fails_at=1), ConnectionError("no route to https://me:secret@tracker/run")])
def test_a_tracker_that_fails_is_warned_of_once_and_the_run_goes_on_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, tracker: Any
) -> None:
    fed(tracker, tmp_path / "train")
    later = Memory()
    fed(later, tmp_path / "evaluate")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "tracking=memory is lost (" in caplog.text
    assert "me:secret" not in caplog.text
    assert "the run goes on without it, and metrics.jsonl has every row" in caplog.text
    assert later.rows == []
    assert getattr(tracker, "ended", "") == ""


def test_a_tracker_that_does_not_answer_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loggers, "PATIENCE", 0.05)
    answers = threading.Event()
    hangs = Memory(waits=answers)
    fed(hangs, tmp_path / "train")
    assert "it has not answered for 0.05 s" in caplog.text
    answers.set()


def test_a_tracker_that_is_well_gets_all_rows_and_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    well = Memory()
    fed(well, tmp_path / "train")
    assert (well.rows, well.ended) == ([0, 1, 2], "success")
    assert caplog.records == []


def test_no_secret_of_a_config_is_sent(tmp_path: Path, runs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORPUS_TOKEN", "open sesame")
    config = {
        "corpus": {"path": "https://me:pw@host/folder", "note": "say open sesame", "api_key": "k", "names": ["a"]},
        "optim": {"tokens_per_group": 1024, "lr": 0.5},
        "student": {"separator_token": None},
    }
    shown = {
        **config,
        "corpus": {
            "path": f"https://{LEFT_OUT}@host/folder",
            "note": f"say {LEFT_OUT}",
            "api_key": LEFT_OUT,
            "names": ["a"],
        },
    }
    assert without_secrets(config) == shown
    for logger in wandb().open(RunInfo("distil", "train", "train", "train-0123", config), tmp_path):
        logger.close("success")
    assert runs[0].run.sent == shown
    assert runs[0].asked["settings"].x_disable_meta, "the command line may have it too"


def test_a_mode_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match=r"tracking\.mode=on-line: give offline or online"):
        wandb("on-line")


def test_wandb_online_needs_a_key_that_is_there_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "NETRC", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="W&B has no API key here; run `wandb login`"):
        wandb("online")
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password 0123\n")
    wandb("online")
    (tmp_path / ".netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", "0123")
    wandb("online")


@pytest.mark.parametrize(
    ("option", "extra"),
    [(lambda: TensorBoard(folder=None), "tensorboard"), (lambda: MLflow(uri=None, experiment="mine"), "mlflow")],
)
def test_a_tracker_whose_package_is_not_there_is_refused_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, option: Callable[[], Files], extra: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=rf"tracking={extra} needs .*pip install 'retrieval_kd\[{extra}\]'"):
        option()


@pytest.mark.slow
def test_tensorboard_has_every_step_once_and_the_final_metrics(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (tmp_path / "train-0123.part").mkdir()
    for steps, end in ((range(10, 31, 10), None), (range(20, 41, 10), "success")):
        attempt(TensorBoard(folder=None), tmp_path / "train-0123.part", steps, end=end)
    (run,) = (tmp_path / "tensorboard" / "distil" / "train").iterdir()
    events = accumulator.EventAccumulator(str(run)).Reload()
    assert [event.step for event in events.Scalars("loss")] == [10, 20, 30, 40]
    assert [event.value for event in events.Scalars("test/nDCG@10")] == [0.25]
    assert "lr: 0.5" in (run / "hparams.yaml").read_text()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of what MLflow is made of
def test_mlflow_has_every_step_once_and_the_final_metrics_in_one_file(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    (tmp_path / "train-0123.part").mkdir()
    for steps, end in ((range(10, 31, 10), None), (range(20, 41, 10), "success")):
        attempt(MLflow(uri=None, experiment="mine"), tmp_path / "train-0123.part", steps, end=end)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        rows = database.execute("select key, step, value from metrics order by key, step").fetchall()
        statuses = database.execute("select name, status from runs").fetchall()
    assert rows == [*(("loss", step, 0.5) for step in (10, 20, 30, 40)), ("test/nDCG_at_10", 0, 0.25)]
    assert statuses == [("distil/train", "FINISHED")]


@pytest.mark.slow
def test_tracking_is_handed_to_every_stage(program: Callable[..., int], runs: list[Any]) -> None:
    assert program("experiment=ladder", "tracking=wandb") == 0
    assert [one.asked["job_type"] for one in runs] == ["mine", "train", "train", "train", "evaluate"]
    assert {one.asked["group"] for one in runs} == {"ladder"}
    assert runs[-1].run.rows[-1]["test/nDCG@10"] > 0.5
