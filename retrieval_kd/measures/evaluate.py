"""How good a run is, by ir-measures."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np

from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import atomic_write
from retrieval_kd.measures.names import EXAMPLES, cannot_measure, measure_of
from retrieval_kd.text.graded import grades_of
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.lines import objects
from retrieval_kd.text.run import Run
from retrieval_kd.text.ties import has_ties, order_ties

MEASURES = ("nDCG@10", "RR@10", "R@100")


@dataclass(frozen=True)
class Report:
    """Measures of a run, query by query: measure → query id → value, the same queries under each.

    >>> report = Report({"RR@10": {"q1": 1.0, "q2": 0.5}})  # or Report.read("per_query-test.jsonl")
    >>> report.means, report.queries
    ({'RR@10': 0.75}, 2)
    """

    per_query: Mapping[str, Mapping[str, float]]

    def mean(self, measure: str) -> float:
        """The mean over queries. Raises KeyError for a measure that was not asked for."""
        values = self.per_query[measure].values()
        return sum(values) / len(values)

    @property
    def means(self) -> dict[str, float]:
        """measure → mean."""
        return {measure: self.mean(measure) for measure in self.per_query}

    @property
    def queries(self) -> int:
        """How many queries were measured."""
        return len(next(iter(self.per_query.values())))

    def write(self, path: Path | str) -> None:
        """One JSON object a query, with its id and a value a measure; written aside and renamed."""
        with atomic_write(Path(path)) as file:
            for query_id in next(iter(self.per_query.values())):
                values = {measure: by_query[query_id] for measure, by_query in self.per_query.items()}
                file.write(json.dumps({"query": query_id} | values, ensure_ascii=False) + "\n")

    @staticmethod
    def read(path: Path | str) -> "Report":
        """What `write` wrote. Raises UserError naming the line that is none of it."""
        per_query: dict[str, dict[str, float]] = {}
        for number, row in objects(Path(path), holds="measures, one JSON object a query"):
            query_id = row.pop("query", None)
            if not isinstance(query_id, str) or not all(type(value) in (int, float) for value in row.values()):
                raise UserError(f'{path}:{number} gives no "query" as a text and measures as numbers; give both')
            for measure, value in row.items():
                per_query.setdefault(measure, {})[query_id] = value
        return Report(per_query)


def evaluate(
    run: Run, judgments: Judgments, measures: Sequence[str] = MEASURES, *, queries: Sequence[str] | None = None
) -> Report:
    """The measures of a run, for `queries` (default: all with a relevant passage).

    A query without a list scores 0. Among equal scores passages of a lower grade (0 where nobody looked) stand first,
    then by id: a constant scorer does not score well. So ir-measures sees strictly falling scores.

    Raises UserError for a measure that cannot be computed (see `measure_of`), none at all, or a query without a
    relevant passage.

    >>> run = Run.of({"q1": [("p1", 2.0), ("p2", 1.0)], "q2": [("p3", 1.0), ("p2", 0.5)]})
    >>> evaluate(run, Judgments({"q1": {"p1": 1}, "q2": {"p2": 1}}), ["RR@10"]).per_query["RR@10"]
    {'q1': 1.0, 'q2': 0.5}
    """
    parsed = parse(measures)
    query_ids = (
        [query_id for query_id in judgments.queries if judgments.relevant(query_id)] if queries is None else queries
    )
    if not query_ids:
        raise UserError("there is no query to measure; give judgments with a grade above 0")
    lacking = next((query_id for query_id in query_ids if not judgments.relevant(query_id)), None)
    if lacking is not None:
        raise UserError(f"query {lacking!r} has no relevant passage, so that nothing can be measured; leave it out")
    for problem in cannot_measure(parsed, judgments.only(query_ids)):
        raise UserError(problem)
    numbers = {query_id: str(number) for number, query_id in enumerate(query_ids, 1)}  # gdeval takes no other ids
    grades = {numbers[query_id]: dict(judgments.judged(query_id)) for query_id in query_ids}
    values: dict[Any, dict[str, float]] = {measure: dict.fromkeys(query_ids, 0.0) for measure in parsed.values()}
    falling, deepest = _falling(run.only(query_ids), judgments), _deepest(values)
    lists = _as_dicts(falling if deepest is None else falling.top(deepest))
    ranked = {numbers[query_id]: listed for query_id, listed in lists.items()}
    by_identity = {
        id(measure): by_query for measure, by_query in values.items()
    }  # by identity: a measure's hash is spelled anew
    for number, measure, value in ir_measures.iter_calc(list(values), grades, ranked):
        (by_identity.get(id(measure)) or values[measure])[query_ids[int(number) - 1]] = value
    return Report({name: values[measure] for name, measure in parsed.items()})


def parse(measures: Sequence[str]) -> dict[str, Any]:
    """Name → measure of ir-measures. Raises UserError where one cannot be computed, and where there is none."""
    if not measures:
        raise UserError(f"there is no measure; {EXAMPLES}")
    return {name: measure_of(name) for name in measures}


def _deepest(measures: Iterable[Any]) -> int | None:
    """The rank that some measure looks down to (None: to the end), since nothing below it need be handed over.

    One of judged passages alone counts its ranks among those, so that it looks down to the end.
    """
    cutoffs: list[Any] = [
        None if measure.params.get("judged_only") else measure.params.get("cutoff") for measure in measures
    ]
    return None if None in cutoffs else max(cutoffs)


def _falling(run: Run, judgments: Judgments) -> Run:
    """The run with ties broken against it, and then scores that fall by one a rank."""
    if not has_ties(run.rows, run.scores):
        return run
    order = order_ties(run.rows, run.scores, [grades_of(run, judgments), run.numbers])
    return Run(run.query_ids, run.offsets, run.passage_ids, run.numbers[order], -run.ranks.astype(np.float64))


def _as_dicts(run: Run) -> dict[str, dict[str, float]]:
    """query id → passage id → a score that falls by one a rank, as ir-measures takes it."""
    names, ends = np.array(run.passage_ids, dtype=object), run.offsets.tolist()
    falling = [float(-rank) for rank in range(int(np.diff(run.offsets).max(initial=0)))]
    return {
        query_id: dict(zip(names[run.numbers[start:end]].tolist(), falling, strict=False))
        for query_id, start, end in zip(run.query_ids, ends, ends[1:], strict=False)
    }
