"""The planted collection, and the default backbone made small, so that every recipe runs as it is written."""

from pathlib import Path

import pytest

from retrieval_kd.encoders import weights
from tests.planted import planted_backbone, write_planted


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted collection's folder in BEIR's layout."""
    return write_planted(tmp_path_factory.mktemp("planted") / "beir")


@pytest.fixture(scope="session")
def six_layers(planted: Path) -> Path:
    """A backbone as deep as the default one, so that options which choose layers of it still fit."""
    return planted_backbone(planted.parent / "six", planted, layers=6, dim=16)


@pytest.fixture
def small_minilm(six_layers: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`minilm` is the small backbone, in this process."""
    monkeypatch.setattr(weights, "_minilm", lambda: six_layers)
    return six_layers
