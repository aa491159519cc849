"""Vectors to search in, and a run to judge, from seeded generators: the same on every side."""

from typing import Any

import numpy as np


def vectors(settings: dict[str, Any], what: str) -> np.ndarray:
    """Unit vectors of `queries` or `passages`, float32 [row dim]."""
    chance = np.random.default_rng([0, ("queries", "passages").index(what)])
    found = chance.standard_normal((settings[what], settings["dim"]), dtype=np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def hits(settings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(passage numbers [query hit], scores without ties, grades of them from 0 to 3; -1: nobody looked)."""
    chance, shape = np.random.default_rng(0), (settings["queries"], settings["hits"])
    passages = np.stack([chance.permutation(10 * shape[1])[: shape[1]] for _ in range(shape[0])])
    scores = np.stack([chance.permutation(shape[1]) for _ in range(shape[0])]).astype(np.float64)
    grades = np.where(chance.random(shape) < 0.02, chance.integers(0, 4, shape), -1)
    grades[:, 0] = 1
    return passages, scores, grades
