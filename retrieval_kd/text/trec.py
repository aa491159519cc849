"""TREC's six columns: query, Q0, passage, rank, score, name."""

from array import array
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import finite, numbered

HOLDS = "a run, six columns a row (query, Q0, passage, rank, score, name)"

Rows = tuple[tuple[str, ...], NDArray[np.int64], tuple[str, ...], NDArray[np.int32], NDArray[np.float64]]


def read_rows(path: Path) -> Rows:
    """(query ids, query number [row], passage ids, passage number [row], score [row]) of a run file.

    Raises UserError naming the line that has not six columns, whose score is no number (or too great for one), or that
    repeats a passage.
    """
    queries: dict[str, int] = {}
    passages: dict[str, int] = {}
    rows, names, scores, lines = array("q"), array("i"), array("d"), array("q")
    for number, line in numbered(path, holds=HOLDS):
        columns = line.split()
        if len(columns) != 6:
            raise UserError(
                f"{path}:{number} has {len(columns)} columns; give six: query, Q0, passage, rank, score, name"
            )
        rows.append(queries.setdefault(columns[0], len(queries)))
        names.append(passages.setdefault(columns[2], len(passages)))
        scores.append(finite(columns[4], where=f"{path}:{number}", or_inf=True))
        lines.append(number)
    table = (tuple(queries), np.array(rows), tuple(passages), np.array(names), np.array(scores))
    _refuse_doubles(path, table, lines)
    return table


def _refuse_doubles(path: Path, table: Rows, lines: "array[int]") -> None:
    """Raise UserError naming the first line whose passage its query had before."""
    queries, rows, passages, names, _ = table
    pairs = rows * len(passages) + names
    order = np.argsort(pairs, kind="stable")
    doubles = order[1:][pairs[order][1:] == pairs[order][:-1]]
    if doubles.size:
        row = int(doubles.min())
        query, passage = queries[rows[row]], passages[names[row]]
        raise UserError(
            f"{path}:{lines[row]} lists passage {passage!r} for query {query!r} again; give every passage once a list"
        )
