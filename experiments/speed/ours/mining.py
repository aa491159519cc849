"""Ours: mining from queries and a collection to a run without judged positives, vectors given.

The ranker is the one of `ranker=dense`; only what would encode gives the vectors that are there instead. What it
finds goes through the disk, as in the stage `mine`.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from experiments.speed.limits.given import vectors
from experiments.speed.ours.opened import student_of
from experiments.speed.worker import Turn
from retrieval_kd.ranking import dense
from retrieval_kd.ranking.mining import Hard
from retrieval_kd.ranking.ranker import mine
from retrieval_kd.ranking.resume.shards import Shards, fill
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.records import Judgment, Passage


class GivenVectors(dense.Dense):
    """The dense ranker with its queries' vectors given; a query's text is its number."""

    given: np.ndarray

    def _vectors(self, texts: list[str]) -> np.ndarray:
        return self.given[[int(text) for text in texts]]


def run(settings: dict[str, Any], turn: Turn) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, count = Path(name), settings["queries"]
        collection = Collection.write(
            folder / "texts", (Passage(f"p{n}", "", "x") for n in range(settings["passages"]))
        )
        judgments = Judgments.of(Judgment(f"q{n}", f"p{n % len(collection)}", 1) for n in range(count))
        shards = _on_disk(folder, settings)
        dense.passage_vectors = lambda *_, **__: shards
        (scratch := folder / "scratch").mkdir()
        ranker = GivenVectors(scorer=student_of(settings), artifacts=folder, tokens_per_group=1024, scratch=scratch)
        ranker.given = vectors(settings, "queries")
        queries, select = (
            {f"q{n}": str(n) for n in range(count)},
            Hard(first=1, last=settings["depth"], drop_judged=False),
        )
        turn.ready()
        while True:
            found = mine(ranker, queries, collection, judgments, select=select)
            shutil.rmtree(scratch)  # as sealing does
            turn([float(found.top(100).scores.mean())])


def _on_disk(folder: Path, settings: dict[str, Any]) -> Shards:
    """The passages' vectors as encoding leaves them."""
    shards = Shards(folder / "vectors", settings["passages"], 32_768)
    given = vectors(settings, "passages")
    return fill(shards, lambda rows: given[rows], label="vectors")
