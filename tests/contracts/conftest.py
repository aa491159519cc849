"""The planted collection and a small backbone, for all that is discovered."""

from pathlib import Path

import pytest

from tests.distil.training import Ground, planted_ground


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """What every training of these tests stands on."""
    return planted_ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="session")
def planted(ground: Ground) -> Path:
    """The planted collection's folder in BEIR's layout."""
    return ground.artifacts.parent / "beir"
