"""A row of a table as what it says: a query with passages and grades, or a text."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from retrieval_kd.errors import UserError
from retrieval_kd.text.auto.columns import Columns
from retrieval_kd.text.auto.tables import Layout, Row, rows
from retrieval_kd.text.records import Passage

_log = logging.getLogger(__name__)

_IDS = ("docid", "doc_id", "passage_id", "_id", "id", "pid")
_TEXTS = ("text", "contents", "content", "passage", "document", "body")
RELEVANT_FROM = 0.5  # of scores from 0 to 1 that are no whole numbers: as similarity data sets mean them
Graded = tuple[Passage, int]


class Example(NamedTuple):
    """A query (none: the row is a text alone), and its passages with grades: above 0 relevant, 0 not."""

    query_id: str
    query: str
    passages: tuple[Graded, ...]


def examples_of(files: Iterable[Path], columns: Columns, layout: Layout, *, count: bool) -> Iterator[Example]:
    """The examples of a table's files, read as they are asked for. `count`: one warning says how many rows have neither
    a query nor a text.
    """
    empty = 0
    for file in files:
        for row in rows(file, layout):
            one = example(row, columns)
            if one is None:
                empty += 1
            else:
                yield one
    if empty and count:
        _log.warning("%d rows have no %s: left out", empty, "text" if columns.query is None else "query")


class DistinctIds:
    """Passages by their ids: one that comes with the id of another and another text, as chunks of a document do, gets
    an id of its own. `renamed` counts them.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # id → the name of its first text
        self.renamed = 0

    def of(self, one: Example) -> Example:
        """The example, its passages under distinct ids."""
        return one._replace(passages=tuple((self._distinct(passage), grade) for passage, grade in one.passages))

    def _distinct(self, passage: Passage) -> Passage:
        name = named("", passage.title, passage.text)
        if self._names.setdefault(passage.id, name) == name:
            return passage
        self.renamed += 1
        return passage._replace(id=f"{passage.id}#{name}")


def example(row: Row, columns: Columns) -> Example | None:
    """What a row says; None where its query or its text is empty. Raises UserError for a value that is no text."""
    if columns.query is None:
        passage = _passage(row, row.values.get(columns.text or ""), columns)
        return None if passage is None else Example("", "", ((passage, 1),))
    query = _text(row, columns.query).strip()
    if not query:
        return None
    query_id = _text(row, columns.query_id) if columns.query_id else ""
    grade = 1 if columns.score is None else _grade(row, columns.score)
    passages = [(passage, grade) for passage in _passages(row, columns.positive, columns)]
    for name in columns.negatives:
        passages += [(passage, 0) for passage in _passages(row, name, columns._replace(passage_id=None, title=None))]
    return Example(query_id.strip().replace(" ", "_") or named("q", query), query, tuple(passages))


def named(letter: str, *texts: str) -> str:
    """An id for texts without one: the same texts have the same."""
    return letter + hashlib.blake2b("\0".join(texts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _passages(row: Row, column: str | None, columns: Columns) -> Iterator[Passage]:
    """The passages of a cell: a text, an object with one, or a list of either."""
    value = None if column is None else row.values.get(column)
    for one in value if isinstance(value, list | tuple) else [value]:
        passage = _passage(row, one, columns)
        if passage is not None:
            yield passage


def _passage(row: Row, value: Any, columns: Columns) -> Passage | None:
    if isinstance(value, Mapping):
        text = _first(row, value, _TEXTS)
        title, passage_id = _as_text(row, value.get("title"), '"title"'), _first(row, value, _IDS)
    else:
        text = _as_text(row, value, "a passage")
        title = _text(row, columns.title) if columns.title else ""
        passage_id = _text(row, columns.passage_id) if columns.passage_id else ""
    if not text.strip() and not title.strip():
        return None
    return Passage(passage_id.strip().replace(" ", "_") or named("p", title, text), title.strip(), text.strip())


def _first(row: Row, value: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((_as_text(row, value[name], f'"{name}"') for name in names if value.get(name) is not None), "")


def _text(row: Row, column: str) -> str:
    return _as_text(row, row.values.get(column), f'"{column}"')


def _as_text(row: Row, value: Any, cell: str) -> str:
    """A value as text: whole numbers are written out (7.0, as pandas has them beside gaps, too), nothing and NaN are an
    empty text.
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise UserError(f"{row.where}: {cell} is {str(value)[:60]!r}; give a text")


def _grade(row: Row, column: str) -> int:
    """A whole number as it is (below 0: 0), others relevant from a half on."""
    value = row.values.get(column)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UserError(f'{row.where}: "{column}" is {str(value)[:60]!r}; give a number') from None
    if number != number or abs(number) > 1e9:
        raise UserError(f'{row.where}: "{column}" is {value}; give a grade such as 0, 1 or 2, or a score from 0 to 1')
    return max(int(number), 0) if number == int(number) else int(number >= RELEVANT_FROM)
