"""What the stages stand on: the planted collection, a small backbone, a folder to fill."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from retrieval_kd.app.stages.work import Work
from tests.contracts.options import option
from tests.distil.training import Ground, planted_ground

Configure = Callable[..., DictConfig]

MIRRORED = {"a": "red fox", "b": "red fox jumps", "c": "red whale", "d": "red dog"}  # queries and passages alike


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return planted_ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture
def work(ground: Ground, tmp_path: Path) -> Work:
    """An empty folder aside, and the artifacts that all tests share."""
    folder = tmp_path / "stage.part"
    folder.mkdir()
    return Work(folder, ground.artifacts, {"accelerator": "cpu"})


@pytest.fixture
def config(ground: Ground) -> Configure:
    """A stage's config over the planted collection."""
    corpus = {**option("corpus", "beir"), "path": str(ground.artifacts.parent / "beir")}

    def make(**nodes: Any) -> DictConfig:
        return OmegaConf.create({"seed": 0, "corpus": corpus, **nodes})

    return make


@pytest.fixture
def mirrored(tmp_path: Path) -> DictConfig:
    """A corpus whose queries are passages, too: a asks for b in train, c for d in test."""
    folder = tmp_path / "mirrored"
    (folder / "qrels").mkdir(parents=True)
    rows = "".join(json.dumps({"_id": name, "title": "", "text": text}) + "\n" for name, text in MIRRORED.items())
    for name in ("corpus", "queries"):
        (folder / f"{name}.jsonl").write_text(rows)
    for split, row in (("train", "a\tb\t1"), ("test", "c\td\t1")):
        (folder / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{row}\n")
    return OmegaConf.create(
        {**option("corpus", "beir"), "path": str(folder), "drop_same_id": True, "dev_fraction": 0.0}
    )
