"""The limit of mining: FAISS's exact search alone, over vectors that it holds."""

from typing import Any

import faiss

from experiments.speed.limits.given import vectors
from experiments.speed.worker import Turn


def run(settings: dict[str, Any], turn: Turn) -> None:
    index = faiss.IndexFlatIP(settings["dim"])
    index.add(vectors(settings, "passages"))
    queries = vectors(settings, "queries")
    index.search(queries[:1], 1)
    turn.ready()
    while True:
        scores, _ = index.search(queries, settings["depth"])
        turn([float(scores[:, :100].mean())])
