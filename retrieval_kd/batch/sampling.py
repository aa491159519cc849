"""The stateless draw: which queries a step has, and which passages each of them lists, as functions of (seed, step)
alone.

Nothing is iterated, and nothing is remembered but what would be drawn again, so any number of workers and ranks sees
each example exactly once, and a run resumed at step k draws what it would have drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

Order = Literal["drawn", "drawn_once", "best"]
Positive = Literal["drawn", "first"]
_ORDER, _LISTS, _ONCE = 1, 2, 3  # what a generator is for, so that no two draws share one


class Lists(NamedTuple):
    """The candidates that queries may draw from, by query number: parallel ragged arrays (passage position, score),
    best first.
    """

    offsets: np.ndarray
    passages: np.ndarray
    scores: np.ndarray


class Drawn(NamedTuple):
    """A step's lists: query numbers [query], passage positions [query candidate] (-1: absent), and their 1-based ranks
    (0: not from the run).
    """

    queries: np.ndarray
    passages: np.ndarray
    ranks: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        """Whether the query's first column is a positive, [query]."""
        return np.asarray((self.passages[:, 0] >= 0) & (self.ranks[:, 0] == 0))

    def widened(self, columns: int) -> "Drawn":
        """With this many absent columns at the end of every list."""
        if not columns:
            return self
        end = ((0, 0), (0, columns))
        return Drawn(self.queries, np.pad(self.passages, end, constant_values=-1), np.pad(self.ranks, end))


@dataclass(frozen=True)
class Window:
    """`negatives` passages of ranks `first` to `last` of a list without replacement: `drawn` anew at each step, or
    `drawn_once`, the same for a query in every step, or the `best` ones in rank order.
    """

    negatives: int
    first: int = 1
    last: int = 30
    order: Order = "drawn"


def window_problems(name: str, window: Window) -> Iterator[str]:
    """Ranks out of order, negatives below 0 or more than there are ranks."""
    ranks = f"{name}.first={window.first} and {name}.last={window.last}"
    if not 1 <= window.first <= window.last:
        yield f"{ranks}: give ranks from 1, the first not after the last"
    elif window.negatives > window.last - window.first + 1:
        most = window.last - window.first + 1
        yield f"{name}.negatives={window.negatives} are of {ranks}, each once: give at most {most}, or more ranks"
    if window.negatives < 0:
        yield f"{name}.negatives={window.negatives}: give no negative number"


@dataclass(frozen=True)
class Sampling:
    """What a list is made of: one of the query's positives, if it has any (`drawn` anew at each step, or the `first`),
    then the negatives of each window in turn.

    What is drawn in the first window comes as it was drawn, what is drawn in a further one in rank order. A query
    without judgments has no positive: its first column comes from the first window as well. A window that has too few
    leaves its own columns absent. `start` queries were drawn before step 0: the order goes on behind them, and lists
    are others than a draw from 0 would give.
    """

    seed: int
    queries_per_step: int
    windows: tuple[Window, ...]
    positive: Positive = "drawn"
    start: int = 0


def query_order(sampling: Sampling, step: int, queries: int) -> np.ndarray:
    """The numbers of the step's queries: consecutive entries of one permutation an epoch, so that each comes exactly
    once in each.
    """
    first = sampling.start + step * sampling.queries_per_step
    stop = first + sampling.queries_per_step
    parts = [
        _permutation(sampling.seed, epoch, queries)[max(first - epoch * queries, 0) : stop - epoch * queries]
        for epoch in range(first // queries, (stop - 1) // queries + 1)
    ]
    return np.concatenate(parts, dtype=np.int64)


def place_of(step: int, start: int) -> tuple[int, ...]:
    """What a generator of this step is seeded by beside its purpose: a stage that goes on has draws of its own."""
    return (step, start) if start else (step,)


@lru_cache(maxsize=2)  # the epoch that a step is in, and the one that it may begin
def _permutation(seed: int, epoch: int, queries: int) -> np.ndarray:
    return np.random.default_rng([seed, _ORDER, epoch]).permutation(queries)


def draw(sampling: Sampling, step: int, lists: Lists, positives: Lists) -> Drawn:
    """The step's lists; `positives` holds the judged passages of each query, `lists` the rest."""
    queries = query_order(sampling, step, len(lists.offsets) - 1)
    chance = _chance(sampling, step, queries, positives)
    positive, judged = _one_positive(queries, positives, chance if sampling.positive == "drawn" else None)
    main, *further = sampling.windows
    ranks = _ranks(main, queries, lists, main.negatives + (~judged), chance, sampling.seed)
    shifted = np.concatenate([ranks[:, -1:], ranks[:, :-1]], axis=1)  # the last of a judged query's is 0
    ranks = np.where(judged[:, None], shifted, ranks)
    if further:
        further_ranks = [_further(one, queries, lists, chance, sampling.seed) for one in further]
        ranks = np.concatenate([ranks, *further_ranks], axis=1)
    passages, listed = np.full(ranks.shape, -1), ranks > 0
    passages[listed] = lists.passages[(lists.offsets[queries][:, None] + (ranks - 1))[listed]]
    passages[judged, 0] = positive[judged]
    return Drawn(queries, passages, ranks)


def _chance(sampling: Sampling, step: int, queries: np.ndarray, positives: Lists) -> np.random.Generator | None:
    """The generator of a step's lists; None, and so none is made, where there is nothing to choose."""
    several = np.any(positives.offsets[queries + 1] - positives.offsets[queries] > 1) and sampling.positive == "drawn"
    if not several and all(window.order != "drawn" for window in sampling.windows):
        return None
    return np.random.default_rng([sampling.seed, _LISTS, *place_of(step, sampling.start)])


def _one_positive(
    queries: np.ndarray, positives: Lists, chance: np.random.Generator | None
) -> tuple[np.ndarray, np.ndarray]:
    start, stop = positives.offsets[queries], positives.offsets[queries + 1]
    judged, place = stop > start, start
    if chance is not None:
        place = start + (chance.random(len(queries)) * (stop - start)).astype(np.int64)  # rounded down
    positions = np.full(len(queries), -1)
    positions[judged] = positives.passages[place[judged]]
    return positions, judged


def _ranks(
    window: Window,
    queries: np.ndarray,
    lists: Lists,
    wanted: np.ndarray,
    chance: np.random.Generator | None,
    seed: int,
) -> np.ndarray:
    """The ranks of up to `wanted` entries of each query's window, [query, negatives + 1]: 0 where it has no more."""
    start = lists.offsets[queries] + window.first - 1
    room = np.maximum(np.minimum(lists.offsets[queries + 1] - start, window.last - window.first + 1), 0)
    width = window.negatives + 1
    column = np.arange(width)
    if window.order == "best":
        chosen = column
    else:
        place = np.arange(max(int(room.max(initial=0)), width))
        keys = np.where(place < room[:, None], _keys(window, queries, len(place), chance, seed), np.inf)
        chosen = np.argsort(keys, axis=1, kind="stable")[:, :width]
    return np.where((chosen < room[:, None]) & (column < wanted[:, None]), chosen + window.first, 0)


def _keys(
    window: Window, queries: np.ndarray, places: int, chance: np.random.Generator | None, seed: int
) -> np.ndarray:
    """Numbers by whose order ranks are drawn, [query, place]; of `drawn_once` they depend on the query alone."""
    if window.order == "drawn":
        assert chance is not None
        return chance.random((len(queries), places))
    return np.stack([np.random.default_rng([seed, _ONCE, window.first, query]).random(places) for query in queries])


def _further(
    window: Window, queries: np.ndarray, lists: Lists, chance: np.random.Generator | None, seed: int
) -> np.ndarray:
    """The ranks drawn in a further window, rising, [query, negatives]: 0 at the end where it has no more."""
    ranks = _ranks(window, queries, lists, np.full(len(queries), window.negatives), chance, seed)
    rising = np.sort(np.where(ranks > 0, ranks, window.last + 1), axis=1)[:, : window.negatives]
    return np.where(rising <= window.last, rising, 0)
