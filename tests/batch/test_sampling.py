"""The stateless draw of lists."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from retrieval_kd.batch.sampling import Drawn, Lists, Sampling, draw, query_order

# queries 0 to 4; query 3 is judged by nobody and query 4 has a list of two
POSITIVES = Lists(np.array([0, 1, 3, 4, 4, 5]), np.array([100, 101, 102, 103, 104]), np.ones(5))
LISTS = Lists(np.array([0, 10, 20, 30, 40, 42]), np.arange(42), np.ones(42))
PLAIN = Sampling(seed=0, queries_per_step=5, negatives=3, first=2, last=8)


def row_of(drawn: Drawn, query: int) -> tuple[list[int], list[int]]:
    place = drawn.queries.tolist().index(query)
    return drawn.passages[place].tolist(), drawn.ranks[place].tolist()


@settings(max_examples=30, deadline=None)
@given(queries=some.integers(1, 40), queries_per_step=some.integers(1, 50), seed=some.integers(0, 5))
def test_every_query_comes_exactly_once_in_each_epoch(queries: int, queries_per_step: int, seed: int) -> None:
    sampling = Sampling(seed, queries_per_step, negatives=0)
    steps = -(-3 * queries // queries_per_step)
    order = np.concatenate([query_order(sampling, step, queries) for step in range(steps)])
    for epoch in range(3):
        assert sorted(order[epoch * queries : (epoch + 1) * queries]) == list(range(queries))


def test_epochs_have_different_orders() -> None:
    first, second = (query_order(Sampling(0, 30, 0), step, 30).tolist() for step in (0, 1))
    assert first != second


def test_a_step_is_a_function_of_its_number_alone() -> None:
    for step in (7, 0, 7):
        again = draw(PLAIN, step, LISTS, POSITIVES)
        for one, other in zip(draw(PLAIN, step, LISTS, POSITIVES), again, strict=True):
            assert np.array_equal(one, other)


def test_another_seed_or_step_draws_otherwise() -> None:
    found = draw(PLAIN, 0, LISTS, POSITIVES)
    other = draw(replace(PLAIN, seed=1), 0, LISTS, POSITIVES)
    later = draw(PLAIN, 1, LISTS, POSITIVES)
    assert not np.array_equal(found.queries, other.queries)
    assert row_of(found, 0) != row_of(other, 0)
    assert row_of(found, 0) != row_of(later, 0)


@pytest.mark.parametrize("step", range(20))
def test_negatives_are_distinct_and_inside_the_window(step: int) -> None:
    drawn = draw(PLAIN, step, LISTS, POSITIVES)
    for query in (0, 1, 2):
        passages, ranks = row_of(drawn, query)
        assert ranks[0] == 0
        assert len(set(ranks[1:])) == 3
        assert set(ranks[1:]) <= set(range(2, 9))
        assert passages[1:] == [10 * query + rank - 1 for rank in ranks[1:]]


def test_in_the_long_run_every_rank_of_the_window_is_drawn_equally_often() -> None:
    drawn = [row_of(draw(PLAIN, step, LISTS, POSITIVES), 0)[1][1:] for step in range(700)]
    counts = Counter(rank for ranks in drawn for rank in ranks)
    assert set(counts) == set(range(2, 9))
    assert all(250 < count < 350 for count in counts.values())  # 2100 draws of 7 ranks: 300 each, standard deviation 13


def test_one_of_several_positives_is_drawn_and_each_at_times() -> None:
    drawn = [row_of(draw(PLAIN, step, LISTS, POSITIVES), 1)[0][0] for step in range(20)]
    assert set(drawn) == {101, 102}


def test_best_takes_the_first_of_the_window_in_order() -> None:
    best = replace(PLAIN, order="best")
    for step in (0, 3):
        drawn = draw(best, step, LISTS, POSITIVES)
        assert row_of(drawn, 0) == ([100, 1, 2, 3], [0, 2, 3, 4])
        assert row_of(drawn, 2) == ([103, 21, 22, 23], [0, 2, 3, 4])


def test_a_query_without_judgments_lists_one_more_of_its_run() -> None:
    drawn = draw(replace(PLAIN, order="best"), 0, LISTS, POSITIVES)
    assert row_of(drawn, 3) == ([31, 32, 33, 34], [2, 3, 4, 5])


def test_what_a_short_list_lacks_is_absent() -> None:
    drawn = draw(PLAIN, 0, LISTS, POSITIVES)
    assert row_of(drawn, 4) == ([104, 41, -1, -1], [0, 2, 0, 0])


def test_a_list_that_ends_before_the_window_gives_nothing() -> None:
    drawn = draw(replace(PLAIN, first=5), 0, LISTS, POSITIVES)
    assert row_of(drawn, 4) == ([104, -1, -1, -1], [0, 0, 0, 0])


def test_a_window_narrower_than_the_negatives_leaves_columns_absent() -> None:
    drawn = draw(replace(PLAIN, first=1, last=2), 0, LISTS, POSITIVES)
    passages, ranks = row_of(drawn, 0)
    assert sorted(passages[1:]) == [-1, 0, 1]
    assert sorted(ranks[1:]) == [0, 1, 2]
    assert drawn.passages.shape == (5, 4)


def test_without_negatives_a_list_is_the_positive_alone() -> None:
    nothing = Lists(np.zeros(6, dtype=np.int64), np.array([], dtype=np.int64), np.array([]))
    drawn = draw(replace(PLAIN, negatives=0), 0, nothing, POSITIVES)
    assert drawn.passages.shape == (5, 1)
    assert row_of(drawn, 2) == ([103], [0])
    assert row_of(drawn, 3) == ([-1], [0])


def test_a_query_that_comes_twice_in_one_step_draws_twice() -> None:
    drawn = draw(replace(PLAIN, queries_per_step=10), 0, LISTS, POSITIVES)
    assert Counter(drawn.queries.tolist()) == dict.fromkeys(range(5), 2)
    rows = drawn.passages[drawn.queries == 0]
    assert rows[:, 0].tolist() == [100, 100]
