"""Files of scores of (query, passage) pairs, in the usual layouts, read as a run."""

from array import array
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import finite, numbered, objects
from retrieval_kd.text.run import Run

Layout = Literal["auto", "trec", "triples", "pairs", "lists"]
Row = tuple[int, str, str, Any]  # line, query id, passage id, score as it was written

LOOKED_AT = 10  # lines by which a layout is recognised
_GREATEST = float(np.finfo(np.float32).max)
CLIP = 1e-6  # what keeps a probability off 0 and 1: log-odds within ±13.8
_LISTS = '"query_id", "passage_ids" and "scores", as long as each other'
HOLDS = "scores of passages for queries (layouts trec, triples, pairs, lists)"


class _Form(NamedTuple):
    """A layout in columns; `places` are the columns of (query, passage, score), once for each pair of a line."""

    columns: int
    parts: Callable[[str], list[str]]
    places: tuple[tuple[int, int, int], ...]
    description: str


def _tabs(line: str) -> list[str]:
    return line.split("\t")


def _tabs_or_commas(line: str) -> list[str]:
    return [part.strip() for part in line.split("\t" if "\t" in line else ",")]


_FORMS = {
    "triples": _Form(
        5, _tabs, ((2, 3, 0), (2, 4, 1)), "positive's score, negative's score, query, positive, negative, by tabs"
    ),
    "trec": _Form(6, str.split, ((0, 2, 4),), "query, Q0, passage, rank, score, name"),
    "pairs": _Form(3, _tabs_or_commas, ((0, 1, 2),), "query, passage, score, by tabs or commas"),
}


def read_scores(path: Path, layout: Layout) -> Run:
    """The scores of a file, gzipped or not, as a run; `auto` recognises the layout by the first lines.

    `trec`: a run of six columns. `triples`: five columns as MS MARCO's margin-MSE files have them. `pairs`: query,
    passage, score. `lists`: JSON lines with query_id, passage_ids and scores. A first line that calls its score `score`
    is a header. A pair that stands twice with one score is one pair. Raises UserError naming the line that is none of
    the layout, scores no finite number, or scores a pair anew and differently. A pair costs some sixteen bytes.
    """
    chosen = layout_of(path) if layout == "auto" else layout
    queries: dict[str, int] = {}
    passages: dict[str, int] = {}
    rows, numbers, scores = array("i"), array("i"), array("d")
    for line, query, passage, score in _rows(path, chosen):
        scores.append(_number(path, line, score))
        rows.append(queries.setdefault(query, len(queries)))
        numbers.append(passages.setdefault(passage, len(passages)))
    if not scores:
        raise UserError(f"{path} holds no score; give a file that holds {HOLDS}")
    query_numbers, passage_numbers, values = (
        np.frombuffer(rows, np.int32),
        np.frombuffer(numbers, np.int32),
        np.frombuffer(scores),
    )
    once = _each_once(query_numbers.astype(np.int64) * len(passages) + passage_numbers, values, path, chosen)
    return Run.of_rows(tuple(queries), query_numbers[once], tuple(passages), passage_numbers[once], values[once])


def first_rows(path: Path, layout: Layout) -> list[Row]:
    """What stands in the first lines: a look at a file before it is needed. Raises UserError as `read_scores` does."""
    chosen = layout_of(path) if layout == "auto" else layout
    rows = list(islice(_rows(path, chosen), LOOKED_AT))
    for line, _, _, score in rows:
        _number(path, line, score)
    return rows


def layout_of(path: Path) -> str:
    """trec, triples, pairs or lists, by the first lines. Raises UserError where they are none, or of several."""
    seen = {number: (line, _looks_like(line)) for number, line in islice(numbered(path, holds=HOLDS), LOOKED_AT)}
    if not seen:
        raise UserError(f"{path} holds no score; give a file that holds {HOLDS}")
    first = next(iter(seen.values()))[1]
    for number, (line, layout) in seen.items():
        if layout is None:
            known = "; ".join(f"{name}: {form.description}" for name, form in _FORMS.items())
            raise UserError(
                f"{path}:{number} is {line[:60]!r}, no layout that is known ({known}; lists: JSON with {_LISTS})"
            )
        if layout != first:
            raise UserError(
                f"{path}:{number} looks like {layout} and what stands before it like {first}; give one layout"
            )
    assert first is not None
    return first


def log_odds(run: Run) -> Run:
    """log(p / (1 - p)) of every score p, clipped to [1e-6, 1 - 1e-6]. Raises UserError for a score outside [0, 1]."""
    outside = np.flatnonzero((run.scores < 0) | (run.scores > 1))
    if outside.size:
        row = int(outside[0])
        query, passage = run.query_ids[run.rows[row]], run.passage_ids[run.numbers[row]]
        raise UserError(
            f"given=probabilities, but passage {passage!r} scores {run.scores[row]} for query {query!r}: give numbers "
            "from 0 to 1, or set given=scores"
        )
    p = np.clip(run.scores.astype(np.float64), CLIP, 1 - CLIP)
    return Run.of_rows(run.query_ids, run.rows, run.passage_ids, run.numbers, np.log(p) - np.log1p(-p))


def look_like_probabilities(run: Run) -> bool:
    """Whether every score lies in [0, 1]."""
    return bool(len(run.scores)) and bool((run.scores >= 0).all() and (run.scores <= 1).all())


def _looks_like(line: str) -> str | None:
    if line.lstrip().startswith("{"):
        return "lists"
    return next((name for name, form in _FORMS.items() if len(form.parts(line)) == form.columns), None)


def _number(path: Path, line: int, score: Any) -> float:
    """The score of a line, that float32 can hold. Raises UserError for any other."""
    number = finite(score, where=f"{path}:{line}")
    if abs(number) > _GREATEST:
        raise UserError(f"{path}:{line} scores {score}; give a finite number, as float32 has them")
    return number


def _rows(path: Path, layout: str) -> Iterator[Row]:
    return _of_lists(path) if layout == "lists" else _of_columns(path, layout)


def _of_columns(path: Path, layout: str) -> Iterator[Row]:
    form = _FORMS[layout]
    for number, line in numbered(path, holds=HOLDS):
        columns = form.parts(line)
        if len(columns) != form.columns:
            raise UserError(
                f"{path}:{number} has {len(columns)} columns; {layout} has {form.columns}: {form.description}"
            )
        for query, passage, score in form.places:
            if number > 1 or columns[score].lower() != "score":
                yield number, columns[query], columns[passage], columns[score]


def _of_lists(path: Path) -> Iterator[Row]:
    for number, record in objects(path, holds=HOLDS):
        query, names, scores = record.get("query_id"), record.get("passage_ids"), record.get("scores")
        well_formed = isinstance(names, list) and isinstance(scores, list) and len(names) == len(scores)
        if not well_formed or not all(_is_name(name) for name in (query, *(names or ()))):
            raise UserError(f"{path}:{number} is no list of scores; give {_LISTS}")
        for name, score in zip(names or (), scores or (), strict=True):
            yield number, str(query), str(name), score


def _is_name(value: Any) -> bool:
    return bool(value) if isinstance(value, str) else type(value) is int


def _each_once(pairs: NDArray[np.int64], scores: NDArray[np.float64], path: Path, layout: str) -> NDArray[np.bool_]:
    """Where a pair stands for the first time [row]. Raises UserError for the first that comes again with
    another score.
    """
    order = np.argsort(pairs, kind="stable")
    repeated = pairs[order][1:] == pairs[order][:-1]
    other = np.zeros(len(pairs), bool)
    other[order[1:][repeated & (scores[order][1:] != scores[order][:-1])]] = True
    _refuse(other, path, layout, "scores passage {passage!r} for query {query!r} again and differently; give one score")
    once = np.ones(len(pairs), bool)
    once[order[1:][repeated]] = False
    return once


def _refuse(wrong: NDArray[np.bool_], path: Path, layout: str, message: str) -> None:
    """Raise UserError naming the line of the first wrong pair, for which the file is read again."""
    if wrong.any():
        at = int(np.argmax(wrong))
        line, query, passage, score = next(islice(_rows(path, layout), at, None))
        raise UserError(f"{path}:{line} " + message.format(query=query, passage=passage, score=score))
