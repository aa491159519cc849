"""Ours: a collection to vectors on disk, with the tokens made anew each time (elsewhere they are paid once)."""

import tempfile
from pathlib import Path
from typing import Any

from experiments.speed.limits.collection import numbers, passages
from experiments.speed.ours.opened import optim_of, student_of
from experiments.speed.worker import Turn
from retrieval_kd.ranking.encode import passage_vectors
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.records import Passage


def run(settings: dict[str, Any], turn: Turn) -> None:
    scorer, budget = student_of(settings), optim_of(settings, 1).tokens_per_group
    texts = passages(Path(settings["task"]), settings["passages"])
    with tempfile.TemporaryDirectory() as folder:
        rows = (Passage(f"p{n}", "", text) for n, text in enumerate(texts))
        collection = Collection.write(Path(folder) / "collection", rows)
        turn.ready()
        while True:
            with tempfile.TemporaryDirectory(dir=folder) as anew:
                options = {"dtype": "float32", "passages_per_shard": 32_768, "tokens_per_group": budget}
                vectors = passage_vectors(scorer, collection, Path(anew), **options)
                turn(numbers(vectors.shard(0)))
