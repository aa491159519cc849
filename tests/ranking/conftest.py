"""A small collection that every ranker is asked about, and scorers with a tiny random backbone to ask it with."""

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.scorers.cross import Cross
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.scorers.late import Late
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.records import Passage
from tests.contracts.options import option

Collect = Callable[[Mapping[str, str]], Collection]

WORDS = (
    "red",
    "blue",
    "green",
    "fox",
    "whale",
    "dog",
    "cat",
    "runs",
    "jumps",
    "sleeps",
    "over",
    "near",
    "the",
    "quick",
    "old",
)
_chance = Random(0)
TEXTS = {f"p{n:02d}": " ".join(_chance.choices(WORDS, k=4 + n % 9)) for n in range(40)}
QUERIES = {f"q{n}": " ".join(_chance.choices(WORDS, k=1 + n % 4)) for n in range(7)}


@pytest.fixture
def collect(tmp_path: Path) -> Collect:
    """Makes a collection of id → text."""

    def make(texts: Mapping[str, str]) -> Collection:
        folder = tmp_path / f"collection-{len(list(tmp_path.iterdir()))}"
        return Collection.write(folder, (Passage(name, "", text) for name, text in texts.items()))

    return make


@pytest.fixture
def collection(collect: Collect) -> Collection:
    return collect(TEXTS)


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("backbone"), TEXTS.values()))


def option_of(kind: str, backbone: str, **values: Any) -> dict[str, Any]:
    """The arguments that conf/scorer has for a scorer of short texts, with a few told otherwise."""
    arguments = {**option("scorer", kind), "backbone": backbone, "query_length": 16, "passage_length": 16, **values}
    del arguments["_target_"]
    return arguments


@pytest.fixture(scope="session")
def dual(backbone: str) -> Dual:
    return Dual(**option_of("dual", backbone))


@pytest.fixture(scope="session")
def late(backbone: str) -> Late:
    return Late(**option_of("late", backbone))


@pytest.fixture(scope="session")
def cross(backbone: str) -> Cross:
    with torch.random.fork_rng():  # its head is new: the same one whatever ran before
        torch.manual_seed(0)
        return Cross(**option_of("cross", backbone, pooling="cls", word_attention=False))
