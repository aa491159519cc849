"""What a draw keeps, whatever it is drawn from."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some

from retrieval_kd.batch.sampling import Lists, Sampling, Window, draw, query_order

FEW = settings(max_examples=40, derandomize=True, deadline=None)
LENGTHS = some.lists(some.integers(0, 7), min_size=1, max_size=6)


def _lists(lengths: list[int], first: int) -> Lists:
    """Lists of these lengths over passages from `first` on, no passage twice."""
    total = sum(lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Lists(offsets, np.arange(first, first + total), -np.arange(total, dtype=np.float32))


@given(some.integers(0, 2**32), some.integers(1, 9), some.integers(1, 12))
@FEW
def test_every_query_comes_exactly_once_in_every_epoch(seed: int, a_step: int, queries: int) -> None:
    sampling = Sampling(seed, a_step, (Window(1),))
    steps = [query_order(sampling, step, queries) for step in range(queries)]  # a_step epochs
    epochs = np.concatenate(steps).reshape(a_step, queries)
    assert (np.sort(epochs, axis=1) == np.arange(queries)).all()


@given(some.data(), LENGTHS, some.sampled_from(["drawn", "drawn_once", "best"]), some.integers(1, 3))
@FEW
def test_negatives_are_of_the_query_of_the_window_and_each_once(
    data: some.DataObject, lengths: list[int], order: str, first: int
) -> None:
    positives = _lists(data.draw(some.lists(some.integers(0, 2), min_size=len(lengths), max_size=len(lengths))), 1000)
    lists, last = _lists(lengths, 0), first + data.draw(some.integers(0, 4))
    window = Window(data.draw(some.integers(1, last - first + 1)), first, last, order)  # type: ignore[arg-type]
    sampling = Sampling(data.draw(some.integers(0, 99)), data.draw(some.integers(1, 8)), (window,))
    step = data.draw(some.integers(0, 20))
    drawn = draw(sampling, step, lists, positives)
    again = draw(sampling, step, lists, positives)
    assert all((one == other).all() for one, other in zip(drawn, again, strict=True))
    for query, passages, ranks in zip(drawn.queries, drawn.passages, drawn.ranks, strict=True):
        listed = ranks > 0
        assert ((first <= ranks[listed]) & (ranks[listed] <= last)).all()
        assert len(set(passages[listed])) == listed.sum()
        assert (passages[listed] == lists.passages[lists.offsets[query] + ranks[listed] - 1]).all()
        own = positives.passages[positives.offsets[query] : positives.offsets[query + 1]]
        assert (passages[0] in own) if len(own) else (passages[0] == -1 or listed[0])
