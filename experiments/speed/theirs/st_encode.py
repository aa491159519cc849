"""sentence-transformers: `encode`, which sorts texts by length; its default batch of 32."""

from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from experiments.speed.limits.collection import numbers, passages
from experiments.speed.worker import Turn


def run(settings: dict[str, Any], turn: Turn) -> None:
    model = SentenceTransformer(settings["model"], device="cpu", local_files_only=True)
    texts = passages(Path(settings["task"]), settings["passages"])
    model.encode(texts[:8])
    turn.ready()
    while True:
        turn(numbers(model.encode(texts, show_progress_bar=False)))
