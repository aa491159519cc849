"""A small backbone that every test of the room may read and none may change."""

from pathlib import Path

import numpy as np
import pytest

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.tokens import Frame, Tokens, apart
from retrieval_kd.encoders.tiny import write_tiny

CLS, SEP = 2, 3
WORDS = [f"w{number}" for number in range(40)]  # pieces 5 to 48, with the marker's letters among them


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("backbone"), WORDS, layers=3, dim=16, heads=2)


@pytest.fixture(scope="session")
def mixed() -> Tokens:
    """Eight texts of lengths from 3 to 20, framed: one of them empty, two of them equal."""
    chance = np.random.default_rng(0)
    texts = [chance.integers(5, 45, size=size).tolist() for size in (5, 1, 18, 9, 2, 12)]
    return apart(Ragged.of([*texts[:3], [], texts[1], *texts[3:]]), Frame((CLS,), (SEP,), 32))
