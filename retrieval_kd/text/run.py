"""Ranked lists with scores: the one thing besides checkpoints that stages hand to each other."""

from collections.abc import Collection as Group
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import atomic_write
from retrieval_kd.text.collection import Collection, Ids
from retrieval_kd.text.records import Ranked
from retrieval_kd.text.ties import best_first
from retrieval_kd.text.trec import read_rows


class Run:
    """Lists of passages, one a query, best score first, equal scores by passage id.

    Held as arrays, so that a row costs some twelve bytes: rows offsets[i] to offsets[i + 1] belong to query_ids[i]; a
    row is the passage passage_ids[number] and its score. The table passage_ids is sorted: the order of numbers is the
    order of ids. Queries without a row are left out, as they would be from a file. Scores keep the precision they
    came in.

    >>> run = Run.of({"q1": [("p2", 1.5), ("p1", 2.0)], "q2": [("p1", 0.5)]})  # or Run.read("run.trec")
    >>> [ranked.passage_id for ranked in run.lists["q1"]]
    ['p1', 'p2']
    >>> run.top(1)
    Run: 2 rows of 2 queries
    """

    def __init__(
        self,
        query_ids: Sequence[str],
        offsets: NDArray[np.int64],
        passage_ids: Sequence[str],
        numbers: NDArray[np.int32],
        scores: NDArray[Any],
    ) -> None:
        self.query_ids, self.offsets = tuple(query_ids), offsets
        self.passage_ids, self.numbers, self.scores = tuple(passage_ids), numbers, scores

    @staticmethod
    def of(lists: Mapping[str, Iterable[Ranked | tuple[str, float]]]) -> "Run":
        """A run from lists in any order. Raises UserError for a passage twice in a list, or a score that is no
        number.
        """
        table: dict[str, int] = {}
        rows = [
            (row, table.setdefault(passage_id, len(table)), score)
            for row, listed in enumerate(lists.values())
            for passage_id, score in listed
        ]
        at, numbers, scores = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 3
        return Run.of_rows(
            tuple(lists), at.astype(np.int64), tuple(table), numbers.astype(np.int64), scores.astype(np.float64)
        )

    @staticmethod
    def of_arrays(
        query_ids: Sequence[str], passage_ids: Sequence[str], numbers: NDArray[Any], scores: NDArray[Any]
    ) -> "Run":
        """A run from what a search returns: numbers and scores [query depth]; number -1 means no passage.

        `passage_ids[number]` names a passage; only those that are listed are looked up, so `collection.ids` will do.
        """
        rows = np.repeat(np.arange(len(numbers), dtype=np.int32), numbers.shape[1])
        has_passage = numbers >= 0
        if has_passage.all():
            return Run._build(query_ids, rows, passage_ids, numbers.reshape(-1), scores.reshape(-1), searched=True)
        return Run._build(
            query_ids,
            rows[has_passage.reshape(-1)],
            passage_ids,
            numbers[has_passage],
            scores[has_passage],
            searched=True,
        )

    @staticmethod
    def of_rows(
        query_ids: Sequence[str],
        rows: NDArray[Any],
        passage_ids: Sequence[str],
        numbers: NDArray[Any],
        scores: NDArray[Any],
    ) -> "Run":
        """A run from triples in any order: query_ids[rows[i]] lists passage_ids[numbers[i]] with scores[i].

        Raises UserError for a passage twice in a list, a query id given twice, or a score that is not a number.
        """
        return Run._build(query_ids, rows, passage_ids, numbers, scores, searched=False)

    @staticmethod
    def _build(
        query_ids: Sequence[str],
        rows: NDArray[Any],
        passage_ids: Sequence[str],
        numbers: NDArray[Any],
        scores: NDArray[Any],
        *,
        searched: bool,
    ) -> "Run":
        """As `of_rows`; what was `searched` lists no passage twice, so that is not looked for."""
        if len(set(query_ids)) != len(query_ids):
            raise UserError("a query id is given twice; give one list a query")
        names, numbers = _sorted_table(passage_ids, numbers)
        if len(names) > 1 and any(map(str.__eq__, names, names[1:])):
            raise UserError("the table of passage ids names one passage twice; give every id once")
        if (bad := np.flatnonzero(np.isnan(scores))).size:
            raise UserError(
                f"passage {names[numbers[bad[0]]]!r} scores NaN for query {query_ids[rows[bad[0]]]!r}; give a number"
            )
        order = best_first(rows, scores, numbers)
        rows, numbers, scores = rows[order], numbers[order], scores[order]
        if not searched:
            _refuse_doubles(query_ids, rows, names, numbers)
        filled, starts = np.unique(rows, return_index=True)
        offsets = np.append(starts, len(rows)).astype(np.int64)
        return Run([query_ids[row] for row in filled], offsets, names, numbers, scores)

    @staticmethod
    def read(path: Path | str) -> "Run":
        """A file of six columns: query, Q0, passage, rank, score, name; rank and name are not looked at.

        Raises UserError naming the line that is none, or that names a passage its query had before.
        """
        return Run.of_rows(*read_rows(Path(path)))

    def write(self, path: Path | str, *, name: str = "retrieval_kd") -> None:
        """The six columns that `read` reads, written aside and renamed; reading gives exactly these scores."""
        with atomic_write(Path(path)) as file:
            for query_id, listed in self.lists.items():
                file.writelines(
                    f"{query_id} Q0 {passage_id} {rank} {score!r} {name}\n"
                    for rank, (passage_id, score) in enumerate(listed, 1)
                )

    @property
    def lists(self) -> Mapping[str, Sequence[Ranked]]:
        """query id → its list, best first, made when it is asked for."""
        return _Lists(self)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Which query each row belongs to [row]."""
        return np.repeat(np.arange(len(self.query_ids)), np.diff(self.offsets))

    @property
    def ranks(self) -> NDArray[np.int64]:
        """The rank of each row in its list [row], from 1."""
        return np.arange(1, len(self.numbers) + 1) - np.repeat(self.offsets[:-1], np.diff(self.offsets))

    def keep(self, rows: NDArray[np.bool_]) -> "Run":
        """The run of the rows marked True [row]; a query that loses its last row is left out."""
        lengths = np.bincount(self.rows[rows], minlength=len(self.query_ids))
        queries = [query_id for query_id, length in zip(self.query_ids, lengths, strict=True) if length]
        offsets = np.append(0, np.cumsum(lengths[lengths > 0])).astype(np.int64)
        return Run(queries, offsets, self.passage_ids, self.numbers[rows], self.scores[rows])

    def top(self, k: int) -> "Run":
        """The first k of every list."""
        return self.keep(self.ranks <= k)

    def only(self, query_ids: Group[str]) -> "Run":
        """The lists of these queries, as far as there are any."""
        wanted = frozenset(query_ids)
        if wanted.issuperset(self.query_ids):
            return self
        return self.keep(np.array([query_id in wanted for query_id in self.query_ids], bool)[self.rows])

    def positions(
        self, collection: Collection
    ) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        """(query ids, offsets [query + 1], positions in the collection [row], scores [row]).

        Raises UserError for a passage that the collection does not hold.
        """
        used, numbers = np.unique(self.numbers, return_inverse=True)
        positions = collection.positions([self.passage_ids[number] for number in used])
        if (unknown := np.flatnonzero(positions < 0)).size:
            name = self.passage_ids[used[unknown[0]]]
            raise UserError(
                f"the run names passage {name!r}, which {collection!r} does not hold; give a run over this collection"
            )
        return self.query_ids, self.offsets, positions[numbers].astype(np.int32), self.scores.astype(np.float32)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and dict(self.lists) == dict(other.lists)

    def __repr__(self) -> str:
        return f"Run: {len(self.numbers)} rows of {len(self.query_ids)} queries"


class _Lists(Mapping[str, Sequence[Ranked]]):
    """A run's lists by query id."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._rows = {query_id: row for row, query_id in enumerate(run.query_ids)}

    def __getitem__(self, query_id: str) -> Sequence[Ranked]:
        run, row = self._run, self._rows[query_id]
        part = slice(int(run.offsets[row]), int(run.offsets[row + 1]))
        scores = run.scores[part].tolist()
        return [Ranked(run.passage_ids[number], score) for number, score in zip(run.numbers[part], scores, strict=True)]

    def __contains__(self, query_id: object) -> bool:
        return query_id in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)


def _sorted_table(passage_ids: Sequence[str], numbers: NDArray[Any]) -> tuple[list[str], NDArray[np.int32]]:
    """The names that are used, sorted, and the numbers in that order."""
    is_used = np.zeros(len(passage_ids), bool)
    is_used[numbers] = True
    used = np.flatnonzero(is_used)
    names = (
        passage_ids.at_positions(used) if isinstance(passage_ids, Ids) else [passage_ids[at] for at in used.tolist()]
    )
    order = sorted(range(len(names)), key=names.__getitem__)
    renamed = np.zeros(len(passage_ids), np.int32)
    renamed[used[order]] = np.arange(len(order), dtype=np.int32)
    return [names[at] for at in order], renamed[numbers]


def _refuse_doubles(
    query_ids: Sequence[str], rows: NDArray[Any], names: Sequence[str], numbers: NDArray[np.int32]
) -> None:
    """Raise UserError if a list names a passage twice."""
    pairs = np.sort(rows.astype(np.int64) * len(names) + numbers)
    if (doubles := np.flatnonzero(pairs[1:] == pairs[:-1])).size:
        row, number = divmod(int(pairs[doubles[0]]), len(names))
        raise UserError(
            f"query {query_ids[row]!r} lists passage {names[number]!r} twice; give every passage once a list"
        )
