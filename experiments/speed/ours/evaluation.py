"""Ours: the same measures of a Run, ties looked for, a value a query."""

from typing import Any

import numpy as np

from experiments.speed.limits.given import hits
from experiments.speed.worker import Turn
from retrieval_kd.measures.evaluate import evaluate
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.records import Judgment
from retrieval_kd.text.run import Run

MEASURES = ("nDCG@10", "RR", "R@100", "AP")


def run(settings: dict[str, Any], turn: Turn) -> None:
    passages, scores, grades = hits(settings)
    rows = np.repeat(np.arange(len(passages)), passages.shape[1])
    names = [f"p{n}" for n in range(10 * passages.shape[1])]
    queries = [f"q{n}" for n in range(len(passages))]
    found = Run.of_rows(queries, rows, names, passages.reshape(-1), scores.reshape(-1))
    marks = ((int(row), int(column)) for row, column in zip(*np.nonzero(grades >= 0), strict=True))
    judgments = Judgments.of(Judgment(f"q{q}", f"p{passages[q, n]}", int(grades[q, n])) for q, n in marks)
    turn.ready()
    while True:
        means = evaluate(found, judgments, MEASURES).means
        turn([means[name] for name in MEASURES])
