"""What reaches Lightning's Trainer acts, and changes nothing of what is learned."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import Callback, DeviceStatsMonitor, LearningRateMonitor, RichModelSummary

from retrieval_kd.app.stages.loggers import JsonLines
from tests.distil import training
from tests.distil.training import Ground

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")]

Rows = list[dict[str, Any]]


def trained(
    ground: Ground, folder: Path, options: Mapping[str, Any], callbacks: Sequence[Callback] = ()
) -> tuple[Rows, Mapping[str, torch.Tensor]]:
    """The rows that five steps with dropout log, and the weights that come of them."""
    distiller = training.distiller(
        "contrastive",
        training.scorer_node(ground, "dual", dropout=0.1),
        optim=training.adamw(steps=5, lr=1e-3, warmup=0.0),
    )
    loggers = [JsonLines(folder / "metrics.jsonl")]
    training.train(ground, distiller, folder, loggers=loggers, options=options, callbacks=callbacks)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return rows, training.weights(distiller)


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled:UserWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"log_every_n_steps": 2},
        {"profiler": "simple"},
        {"profiler": "advanced"},
        {"profiler": "pytorch"},
        {"detect_anomaly": True},
        {"deterministic": True},
        {"deterministic": "warn"},
        {"benchmark": True},
    ],
    ids=str,
)
def test_an_option_of_the_trainer_changes_no_weight_and_no_switch_of_torch(
    ground: Ground, tmp_path: Path, options: dict[str, Any]
) -> None:
    _, plain = trained(ground, tmp_path / "plain", {})
    rows, weights = trained(ground, tmp_path / "other", options)
    assert all(torch.equal(weights[name], value) for name, value in plain.items())
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark
    assert not torch.is_anomaly_enabled()
    assert [row["step"] for row in rows] == ([2, 4, 5] if "log_every_n_steps" in options else [5])
    reports = [path.read_text() for path in (tmp_path / "other").glob("fit-profile*.txt")]
    assert len(reports) == ("profiler" in options)
    assert all("training_step" in report or "ProfilerStep" in report for report in reports)


@pytest.mark.parametrize(
    ("callback", "shows"),
    [
        (LearningRateMonitor(), "lr-AdamW/pg1"),
        (DeviceStatsMonitor(), "DeviceStatsMonitor.on_train_batch_start/cpu_percent"),
    ],
)
def test_a_callback_that_looks_on_logs_beside_the_other_metrics_and_changes_no_weight(
    ground: Ground, tmp_path: Path, callback: Callback, shows: str
) -> None:
    pytest.importorskip("psutil")
    _, plain = trained(ground, tmp_path / "plain", {})
    rows, weights = trained(ground, tmp_path / "other", {"log_every_n_steps": 2}, [callback])
    assert all(torch.equal(weights[name], value) for name, value in plain.items())
    assert [row["step"] for row in rows if shows in row] == [1, 3]  # Lightning counts steps from 0
    assert [row["step"] for row in rows if "train/loss" in row] == [2, 4, 5]


def test_a_summary_of_the_model_is_printed_when_training_begins(
    ground: Ground, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(ground, tmp_path, {}, [RichModelSummary(max_depth=2)])
    printed = capsys.readouterr().out
    assert "scorers.student" in printed
    assert "Trainable params" in printed
