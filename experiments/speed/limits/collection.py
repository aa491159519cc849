"""The texts of a collection to encode, and a few numbers that tell two encodings apart."""

import json
from itertools import islice
from pathlib import Path

import numpy as np


def passages(task: Path, count: int) -> list[str]:
    """The first texts of the task's collection (a folder in BEIR's layout)."""
    folder = Path(json.loads((task / "corpus.json").read_text())["path"])
    with open(folder / "corpus.jsonl", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, count)]
    return [f"{row['title']} {row['text']}".strip() for row in rows]


def numbers(vectors: np.ndarray) -> list[float]:
    """The first text's first components, the mean and the mean square of all."""
    return [*map(float, vectors[0, :4]), float(vectors.mean()), float(np.square(vectors).mean())]
