"""The planted collection and a small backbone, for every training."""

import socket

import pytest

from tests.distil.training import Ground, planted_ground


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """What every training of these tests stands on."""
    return planted_ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
