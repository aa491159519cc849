"""The limit of evaluating: pytrec_eval alone, its dictionaries given."""

from typing import Any

import pytrec_eval

from experiments.speed.limits.given import hits
from experiments.speed.worker import Turn

MEASURES = ("ndcg_cut_10", "recip_rank", "recall_100", "map")


def run(settings: dict[str, Any], turn: Turn) -> None:
    passages, scores, grades = (part.tolist() for part in hits(settings))
    found, judged = {}, {}
    for number, (names, values, marks) in enumerate(zip(passages, scores, grades, strict=True)):
        ids = [f"p{name}" for name in names]
        found[f"q{number}"] = dict(zip(ids, values, strict=True))
        judged[f"q{number}"] = {name: mark for name, mark in zip(ids, marks, strict=True) if mark >= 0}
    turn.ready()
    while True:
        values = pytrec_eval.RelevanceEvaluator(judged, MEASURES).evaluate(found)
        turn([sum(of[name] for of in values.values()) / len(values) for name in MEASURES])
