"""From runs and judgments to arrays by query number: what is judged, what may be drawn, what score a file gives."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from retrieval_kd.batch.collate import Pairs, pairs
from retrieval_kd.batch.dark import Dark
from retrieval_kd.batch.ragged import places
from retrieval_kd.batch.sampling import Lists, Order, Positive, Window, window_problems
from retrieval_kd.errors import UserError
from retrieval_kd.text.copies import text_keys
from retrieval_kd.text.corpus import Corpus
from retrieval_kd.text.run import Run

Missing = Literal["error", "drop", "minimum"]


@dataclass(frozen=True)
class Data:
    """What a step is made of. `candidates` is the run that lists are drawn from (null: in-batch negatives alone).

    A step has `queries_per_step` queries in pools of `queries_per_pool` (null: one pool), each with one judged passage
    (`positive`: `drawn` anew at each step, or the `first` in the judgments' order) and `negatives` others from ranks
    `first` to `last` of its list, in an `order`: `drawn` anew at each step, `drawn_once` or the `best` ones. `unjudged`
    lets queries without judgments take part (guided terms alone use them). Every `refresh_every` steps the student
    mines anew (null: never). `further` windows, each with its own `negatives`, `first`, `last` and `order`, are drawn
    after this one, each in rank order. `dark` examples are made of what a query lists (null: none). `start` queries
    count as drawn before the first step (null: as many as the student's checkpoint was trained on), so that a stage
    that goes on from another meets the queries after those that it has seen, with lists of its own. Raises UserError
    for negatives without a run, ranks out of order, windows that share ranks, or dark examples of unlisted negatives.
    """

    candidates: str | None
    queries_per_step: int
    queries_per_pool: int | None
    positive: Positive
    negatives: int
    first: int
    last: int
    order: Order
    unjudged: bool
    refresh_every: int | None
    further: Sequence[Mapping[str, Any]]
    dark: Dark | None
    start: int | None

    def __post_init__(self) -> None:
        for problem in chain(_further_problems(self.further), self._window_problems(), self._list_problems()):
            raise UserError(problem)

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows of ranks that a list is drawn from, in the order of its columns."""
        main = Window(self.negatives, self.first, self.last, self.order)
        return (main, *(Window(**window) for window in self.further))

    def _window_problems(self) -> Iterator[str]:
        named = {"data" if not place else f"data.further[{place - 1}]": one for place, one in enumerate(self.windows)}
        for name, window in named.items():
            yield from window_problems(name, window)
        for (name, window), (other_name, other) in combinations(named.items(), 2):
            if window.first <= other.last and other.first <= window.last:
                yield (
                    f"{name} has ranks {window.first} to {window.last} and {other_name} {other.first} to {other.last}: "
                    "give windows that share no rank, so that no passage is listed twice"
                )

    def _list_problems(self) -> Iterator[str]:
        negatives = sum(window.negatives for window in self.windows)
        if self.candidates is None and (negatives or self.unjudged):
            yield (
                f"data.negatives={negatives} are drawn from a run: give data.candidates, or data=in_batch "
                "for in-batch negatives alone"
            )
        if self.dark is not None and self.dark.reinforced_negatives and not negatives:
            yield (
                f"data.dark.reinforced_negatives={self.dark.reinforced_negatives} are made of listed negatives: give "
                "data.negatives, or data.dark.reinforced_negatives=0"
            )
        if self.start is not None and self.start < 0:
            yield f"data.start={self.start}: give the number of queries drawn before, from 0 on, or null"
        if self.refresh_every is not None and self.refresh_every < 1:
            yield f"data.refresh_every={self.refresh_every}: give at least 1 step, or null for never"
        elif self.refresh_every is not None and self.candidates is None:
            yield f"data.refresh_every={self.refresh_every}: no list is drawn from; give data.candidates, or null"
        if self.queries_per_step < 1:
            yield f"data.queries_per_step={self.queries_per_step}: give at least one query"
        if self.queries_per_pool is not None and self.queries_per_pool < 1:
            yield f"data.queries_per_pool={self.queries_per_pool}: give at least 1, or null for one pool a step"


def _further_problems(further: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Windows whose keys or values are not those of a window."""
    numbers, orders = ("negatives", "first", "last"), get_args(Order)
    for place, window in enumerate(further):
        well_formed = set(window) == {*numbers, "order"} and all(type(window[name]) is int for name in numbers)
        if not well_formed or window["order"] not in orders:
            yield (
                f"data.further[{place}]={dict(window)}: give {', '.join(numbers)} as whole numbers, and order as "
                f"{' or '.join(orders)}"
            )


def has_list(name: str, corpus: Corpus, run: Run, windows: Sequence[Window]) -> bool:
    """Whether a query has anything to learn from: a judged passage, or a list that reaches the first window.

    Where negatives are drawn, a query that the run does not name is none to learn from, judged or not: so a run may
    narrow the queries.
    """
    judged = bool(corpus.judgments.relevant(name))
    if not any(window.negatives for window in windows):
        return judged
    return name in run.lists and (judged or len(run.lists[name]) >= windows[0].first)


def judged(corpus: Corpus, queries: Sequence[str]) -> tuple[Pairs, Lists]:
    """(every grade by query number and passage position, the passages judged relevant by query number)."""
    rows = [
        (number, corpus.collection.position(passage), grade)
        for number, name in enumerate(queries)
        for passage, grade in corpus.judgments.judged(name).items()
    ]
    query, passage, grade = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    good = grade > 0
    grades = pairs(query, passage, grade, collection=len(corpus.collection))
    return grades, Lists(_offsets(query[good], len(queries)), passage[good], grade[good].astype(np.float32))


def with_copies(positives: Lists, listed: np.ndarray, corpus: Corpus) -> Lists:
    """The judged passages of each query and their exact copies, among all that are judged or `listed`: no negatives."""
    positions = np.unique(np.concatenate([positives.passages, listed]))
    keys = text_keys(corpus.collection)[positions]
    order = np.argsort(keys, kind="stable")
    wanted = keys[positions.searchsorted(positives.passages)]
    first = keys[order].searchsorted(wanted)
    sizes = keys[order].searchsorted(wanted, "right") - first
    pair = np.stack([np.repeat(_owner(positives), sizes), positions[order[places(first, sizes)]]])
    query, passage = np.unique(pair, axis=1)
    return Lists(_offsets(query, len(positives.offsets) - 1), passage, np.ones(len(passage), np.float32))


def drawable(run: Run, queries: Sequence[str], corpus: Corpus, grades: Pairs, scored: Sequence[Pairs] = ()) -> Lists:
    """The run's lists by query number, best first, without what is judged relevant or lacks a score it must have."""
    owner, passages, scores = _rows(run, queries, corpus)
    keys = owner * len(corpus.collection) + passages
    keep = grades.look_up(keys, 0.0) <= 0
    for file_scores in scored:
        keep &= ~np.isnan(file_scores.look_up(keys, np.nan))
    order = np.argsort(owner[keep], kind="stable")
    return Lists(_offsets(owner[keep], len(queries)), passages[keep][order], scores[keep][order])


def apart(lists: Lists, known: Lists, corpus: Corpus) -> Lists:
    """The lists without each query's own `known` passages."""
    passages = len(corpus.collection)
    known_to_any = np.isin(lists.passages, known.passages, kind="table")  # few: only those are looked up by query
    keep, at = np.ones(len(lists.passages), dtype=bool), np.flatnonzero(known_to_any)
    owner = _owner(lists)
    keep[at] = ~np.isin(owner[at] * passages + lists.passages[at], _owner(known) * passages + known.passages)
    return Lists(_offsets(owner[keep], len(lists.offsets) - 1), lists.passages[keep], lists.scores[keep])


def short(lists: Lists, windows: Sequence[Window]) -> int:
    """How many queries have fewer passages at a window's ranks than it takes."""
    sizes = np.diff(lists.offsets)
    lacking = [np.minimum(sizes, one.last) - (one.first - 1) < one.negatives for one in windows if one.negatives]
    return int(np.any(lacking, axis=0).sum()) if lacking else 0


def within(lists: Lists, windows: Sequence[Window]) -> Lists:
    """The part of every list that can be drawn: the ranks of these windows."""
    rank = np.arange(len(lists.passages)) - np.repeat(lists.offsets[:-1], np.diff(lists.offsets)) + 1
    inside = np.any([(window.first <= rank) & (rank <= window.last) for window in windows], axis=0)
    offsets = np.concatenate([[0], np.cumsum(inside)])[lists.offsets]
    return Lists(offsets, lists.passages[inside], lists.scores[inside])


class StoredScores(NamedTuple):
    """A file's scores of the candidates, and how many of all candidates have none there."""

    scores: Pairs
    lacking: int
    candidates: int


def stored_scores(
    run: Run,
    missing: Missing,
    queries: Sequence[str],
    corpus: Corpus,
    candidates: Lists,
    positives: Lists,
    *,
    file: str,
) -> StoredScores:
    """A file's scores of the candidates. One without a score raises UserError (`error`), stays unknown (`drop`), or
    takes the lowest score that its query has in the file (`minimum`; of a query that is not there, all stay unknown).

    The file's scores of foreign passages or queries are ignored. Raises UserError if it has no others.
    """
    size = len(corpus.collection)
    owner, passages, scores = _rows(_of_collection(run.only(queries), corpus), queries, corpus)
    if not len(owner):
        raise UserError(f"{file} has no score of this collection's passages for a training query: give one with them")
    query = np.concatenate([_owner(candidates), _owner(positives)])
    passage = np.concatenate([candidates.passages, positives.passages])
    known = pairs(owner, passages, scores.astype(np.float64), collection=size)
    lacking = np.isnan(known.look_up(query * size + passage, np.nan))
    counts = int(lacking.sum()), len(query)
    query, passage = query[lacking], passage[lacking]
    if missing == "error" and len(query):
        raise UserError(
            f"{len(query)} candidates have no score in {file}, the first of them query {queries[query[0]]} passage "
            f"{corpus.collection.id_at(int(passage[0]))}: "
            "score them, or set missing=drop or missing=minimum"
        )
    if missing == "minimum":
        lowest = np.full(len(queries), np.inf)
        np.minimum.at(lowest, owner, scores)
        has_lowest = np.isfinite(lowest[query])
        query, passage = query[has_lowest], passage[has_lowest]
        both = np.concatenate([owner, query]), np.concatenate([passages, passage])
        known = pairs(*both, np.concatenate([scores, lowest[query]]), collection=size)
    return StoredScores(known, *counts)


def _of_collection(run: Run, corpus: Corpus) -> Run:
    """The rows whose passage the collection holds."""
    in_collection = corpus.collection.positions(run.passage_ids) >= 0
    return run.keep(in_collection[run.numbers])


def _rows(run: Run, queries: Sequence[str], corpus: Corpus) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    number = {name: place for place, name in enumerate(queries)}
    names, offsets, passages, scores = run.only(queries).positions(corpus.collection)
    owner = np.repeat(np.array([number[name] for name in names], dtype=np.int64), np.diff(offsets))
    return owner, passages.astype(np.int64), scores


def _owner(lists: Lists) -> np.ndarray:
    """The query number of each listed passage."""
    return np.repeat(np.arange(len(lists.offsets) - 1), np.diff(lists.offsets))


def _offsets(owner: np.ndarray, queries: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=queries))])
