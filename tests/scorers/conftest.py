"""A small backbone that every test of the room may read and none may change."""

from pathlib import Path

import pytest

from retrieval_kd.encoders.tiny import write_tiny
from tests.scorers.reading import WORDS


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("backbone"), WORDS, layers=3, dim=16, heads=2, seed=1)
