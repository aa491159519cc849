"""The planted collection, and the default backbone made small, so that every recipe runs as it is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval_kd.encoders import weights
from tests.planted import planted_backbone, write_planted
from tests.recipes.classroom import Classroom


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted collection's folder in BEIR's layout."""
    return write_planted(tmp_path_factory.mktemp("planted") / "beir")


@pytest.fixture(scope="session")
def six_layers(planted: Path) -> Path:
    """A backbone as deep as the default one, so that options which choose layers of it still fit."""
    return planted_backbone(planted.parent / "six", planted, layers=6, dim=16)


@pytest.fixture(scope="module")
def small_minilm(six_layers: Path) -> Iterator[Path]:
    """`minilm` is the small backbone, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "_minilm", lambda: six_layers)
        yield six_layers


@pytest.fixture(scope="session")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Classroom:
    """The planted secret, and teachers that know it."""
    return Classroom.open(tmp_path_factory.mktemp("classroom"))
