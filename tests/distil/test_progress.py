"""A training without a terminal says where it is, now and then."""

import logging
from pathlib import Path

import pytest

from retrieval_kd.distil import progress
from retrieval_kd.distil.fit import fit
from tests.distil import training
from tests.distil.training import Ground

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")]


def test_without_a_terminal_a_training_says_steps_loss_and_speed(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    caplog.set_level(logging.INFO, logger="retrieval_kd")
    distiller = training.distiller(
        "contrastive", training.scorer_node(ground, "dual"), {}, optim=training.adamw(steps=2)
    )
    data = training.lists(ground, distiller, tmp_path)
    fit(distiller, data, folder=tmp_path, save_every=100, accelerator="cpu")
    lines = [line for line in caplog.messages if line.startswith("training: steps")]
    assert [line.split(" (")[0] for line in lines] == ["training: steps: 1 of 2", "training: steps: 2 of 2"]
    assert all("; loss " in line and line.endswith(" queries/s") for line in lines)
