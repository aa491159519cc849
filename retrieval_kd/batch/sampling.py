"""The stateless draw: which queries a step has, and which passages each of them lists, as functions of (seed, step)
alone.

Nothing is iterated or remembered, so any number of workers and ranks sees each example exactly once, and a run resumed
at step k draws what it would have drawn.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

_ORDER, _LISTS = 1, 2  # what a generator is for, so that no two draws share one


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


@dataclass(frozen=True)
class Sampling:
    """What a list is made of: one of the query's positives, if it has any, then `negatives` drawn from ranks `first` to
    `last`.

    `order`: `drawn` anew at each step without replacement, or the `best` ones in rank order (PROD's and CL-DRD's
    lists). A query without judgments has no positive: its first column comes from the run as well.
    """

    seed: int
    queries_per_step: int
    negatives: int
    first: int = 1
    last: int = 30
    order: Literal["drawn", "best"] = "drawn"


def query_order(sampling: Sampling, step: int, queries: int) -> np.ndarray:
    """The numbers of the step's queries: consecutive entries of one permutation an epoch, so that each comes exactly
    once in each.
    """
    places = step * sampling.queries_per_step + np.arange(sampling.queries_per_step)
    epochs, places = places // queries, places % queries
    out = np.empty(len(places), dtype=np.int64)
    for epoch in np.unique(epochs):
        order = np.random.default_rng([sampling.seed, _ORDER, int(epoch)]).permutation(queries)
        out[epochs == epoch] = order[places[epochs == epoch]]
    return out


def draw(sampling: Sampling, step: int, lists: Lists, positives: Lists) -> Drawn:
    """The step's lists; `positives` holds the judged passages of each query, `lists` the rest."""
    queries = query_order(sampling, step, len(lists.offsets) - 1)
    chance = np.random.default_rng([sampling.seed, _LISTS, step])
    positive, judged = _one_positive(queries, positives, chance)
    wanted = sampling.negatives + (~judged)
    passages, ranks = _windowed(sampling, queries, lists, wanted, chance)
    shift = np.where(judged[:, None], passages[:, : sampling.negatives], passages[:, 1:])
    shifted_ranks = np.where(judged[:, None], ranks[:, : sampling.negatives], ranks[:, 1:])
    first = np.where(judged, positive, passages[:, 0])
    first_rank = np.where(judged, 0, ranks[:, 0])
    return Drawn(
        queries, np.concatenate([first[:, None], shift], 1), np.concatenate([first_rank[:, None], shifted_ranks], 1)
    )


def _one_positive(queries: np.ndarray, positives: Lists, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    start, stop = positives.offsets[queries], positives.offsets[queries + 1]
    judged = stop > start
    place = start + np.floor(chance.random(len(queries)) * (stop - start)).astype(np.int64)
    found = np.full(len(queries), -1)
    found[judged] = positives.passages[place[judged]]
    return found, judged


def _windowed(
    sampling: Sampling, queries: np.ndarray, lists: Lists, wanted: np.ndarray, chance: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Up to `wanted` entries of each query's window, [query, negatives + 1]: -1 where the window has no more."""
    start = lists.offsets[queries] + sampling.first - 1
    room = np.clip(np.minimum(lists.offsets[queries + 1] - start, sampling.last - sampling.first + 1), 0, None)
    width = sampling.negatives + 1
    place = np.arange(max(int(room.max(initial=0)), width))
    keys = place[None] if sampling.order == "best" else chance.random((len(queries), len(place)))
    keys = np.where(place < room[:, None], keys, np.inf)
    chosen = np.argsort(keys, axis=1, kind="stable")[:, :width]
    some = (np.take_along_axis(keys, chosen, 1) < np.inf) & (np.arange(width) < wanted[:, None])
    passages = np.full(some.shape, -1)
    passages[some] = lists.passages[(start[:, None] + chosen)[some]]
    return passages, np.where(some, chosen + sampling.first, 0)
