"""Our corpus, student and lists from a task's folder, through the package's own doors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiments.speed.places import ROOT, WORK
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.distil.datamodule import ListsDataModule
from retrieval_kd.distil.optimise import OptimConfig
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.docstrings import Docstrings
from retrieval_kd.text.run import Run

ARTIFACTS = WORK / "artifacts"
_CAP = 256  # tokens of a query or a passage; one number, since sentence-transformers has one


def corpus_of(folder: Path) -> Corpus:
    """The corpus that a task names: a folder in BEIR's layout, or the docstrings."""
    path = json.loads((folder / "corpus.json").read_text())["path"]
    return open_corpus(
        Docstrings() if path is None else Beir(path=path, drop_same_id=False, dev_fraction=0.0), ARTIFACTS
    )


def option(path: str, **changed: Any) -> dict[str, Any]:
    """An option file of conf/ with some values changed."""
    node: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / path))  # type: ignore[assignment]
    return {**node, **changed}


def student_of(settings: Mapping[str, Any], **changed: Any) -> Dual:
    """Mean pooling and dot products, as the peers have; all layers."""
    plain = {"normalize": False, "scale": 1.0, "query_length": _CAP, "passage_length": _CAP, **changed}
    return build(option("scorer/dual.yaml", backbone=settings["model"], **plain))


def optim_of(settings: Mapping[str, Any], steps: int) -> OptimConfig:
    """The default optimiser at a small constant rate; `tokens_per_group` as in conf/optim unless told."""
    told = {key: settings[key] for key in ("tokens_per_group", "recompute", "precision") if key in settings}
    return build(option("optim/adamw.yaml", lr=2e-5, steps=steps, warmup=0, schedule="constant", **told))


def lists_module(
    settings: Mapping[str, Any], corpus: Corpus, student: Dual, steps: int, *, stored: bool
) -> ListsDataModule:
    """Steps of `queries_per_step` queries, each with its positive and the first of its list."""
    folder = Path(settings["task"])
    negatives = settings["passages_per_query"] - 1
    told = {
        "candidates": str(folder / "candidates.trec"),
        "queries_per_step": settings["queries_per_step"] * settings.get("times", 1),
        "negatives": negatives,
        "last": negatives,
    }
    data = build(option("data/ranked.yaml", **told))
    scores = folder / "scores.trec"
    return ListsDataModule(
        corpus,
        data,
        forms=[student.tokenisation],
        seed=0,
        steps=steps,
        artifacts=ARTIFACTS,
        folder=folder,
        workers=settings.get("workers", 0),
        scores={"scores": (Run.read(scores), "error")} if stored else {},
    )
