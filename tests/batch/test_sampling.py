"""The stateless draw of lists."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from retrieval_kd.batch.sampling import Drawn, Lists, Sampling, Window, draw, query_order

# queries 0 to 4; query 3 is judged by nobody and query 4 has a list of two
POSITIVES = Lists(np.array([0, 1, 3, 4, 4, 5]), np.array([100, 101, 102, 103, 104]), np.ones(5))
LISTS = Lists(np.array([0, 10, 20, 30, 40, 42]), np.arange(42), np.ones(42))
PLAIN = Sampling(seed=0, queries_per_step=5, windows=(Window(negatives=3, first=2, last=8),))


def window(**changes: Any) -> Sampling:
    """The plain sampling with another window."""
    return replace(PLAIN, windows=(replace(PLAIN.windows[0], **changes),))


def row_of(drawn: Drawn, query: int) -> tuple[list[int], list[int]]:
    place = drawn.queries.tolist().index(query)
    return drawn.passages[place].tolist(), drawn.ranks[place].tolist()


@settings(max_examples=30, deadline=None)
@given(queries=some.integers(1, 40), queries_per_step=some.integers(1, 50), seed=some.integers(0, 5))
def test_every_query_comes_exactly_once_in_each_epoch(queries: int, queries_per_step: int, seed: int) -> None:
    sampling = Sampling(seed, queries_per_step, ())
    steps = -(-3 * queries // queries_per_step)
    order = np.concatenate([query_order(sampling, step, queries) for step in range(steps)])
    for epoch in range(3):
        assert sorted(order[epoch * queries : (epoch + 1) * queries]) == list(range(queries))


def test_epochs_have_different_orders() -> None:
    first, second = (query_order(Sampling(0, 30, ()), step, 30).tolist() for step in (0, 1))
    assert first != second


def test_a_step_is_a_function_of_its_number_alone() -> None:
    for step in (7, 0, 7):
        again = draw(PLAIN, step, LISTS, POSITIVES)
        for one, other in zip(draw(PLAIN, step, LISTS, POSITIVES), again, strict=True):
            assert np.array_equal(one, other)


def test_another_seed_or_step_draws_otherwise() -> None:
    drawn = draw(PLAIN, 0, LISTS, POSITIVES)
    other = draw(replace(PLAIN, seed=1), 0, LISTS, POSITIVES)
    later = draw(PLAIN, 1, LISTS, POSITIVES)
    assert not np.array_equal(drawn.queries, other.queries)
    assert row_of(drawn, 0) != row_of(other, 0)
    assert row_of(drawn, 0) != row_of(later, 0)


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
    best = window(order="best")
    for step in (0, 3):
        drawn = draw(best, step, LISTS, POSITIVES)
        assert row_of(drawn, 0) == ([100, 1, 2, 3], [0, 2, 3, 4])
        assert row_of(drawn, 2) == ([103, 21, 22, 23], [0, 2, 3, 4])


def test_a_query_without_judgments_lists_one_more_of_its_run() -> None:
    drawn = draw(window(order="best"), 0, LISTS, POSITIVES)
    assert row_of(drawn, 3) == ([31, 32, 33, 34], [2, 3, 4, 5])


def test_what_a_short_list_lacks_is_absent() -> None:
    drawn = draw(PLAIN, 0, LISTS, POSITIVES)
    assert row_of(drawn, 4) == ([104, 41, -1, -1], [0, 2, 0, 0])


def test_a_list_that_ends_before_the_window_gives_nothing() -> None:
    drawn = draw(window(first=5), 0, LISTS, POSITIVES)
    assert row_of(drawn, 4) == ([104, -1, -1, -1], [0, 0, 0, 0])


def test_a_window_narrower_than_the_negatives_leaves_columns_absent() -> None:
    drawn = draw(window(first=1, last=2), 0, LISTS, POSITIVES)
    passages, ranks = row_of(drawn, 0)
    assert sorted(passages[1:]) == [-1, 0, 1]
    assert sorted(ranks[1:]) == [0, 1, 2]
    assert drawn.passages.shape == (5, 4)


def test_without_negatives_a_list_is_the_positive_alone() -> None:
    nothing = Lists(np.zeros(6, dtype=np.int64), np.array([], dtype=np.int64), np.array([]))
    drawn = draw(window(negatives=0), 0, nothing, POSITIVES)
    assert drawn.passages.shape == (5, 1)
    assert row_of(drawn, 2) == ([103], [0])
    assert row_of(drawn, 3) == ([-1], [0])


def test_a_query_that_comes_twice_in_one_step_draws_twice() -> None:
    drawn = draw(replace(PLAIN, queries_per_step=10), 0, LISTS, POSITIVES)
    assert Counter(drawn.queries.tolist()) == dict.fromkeys(range(5), 2)
    rows = drawn.passages[drawn.queries == 0]
    assert rows[:, 0].tolist() == [100, 100]


GROUPS = replace(PLAIN, windows=(Window(2, 1, 2, "best"), Window(2, 3, 6), Window(1, 7, 10)))


def test_further_windows_are_drawn_into_their_own_columns_each_in_rank_order() -> None:
    for step in range(20):
        for query in (0, 1, 2):
            passages, ranks = row_of(draw(GROUPS, step, LISTS, POSITIVES), query)
            assert ranks[:3] == [0, 1, 2]
            assert 3 <= ranks[3] < ranks[4] <= 6
            assert 7 <= ranks[5] <= 10
            assert passages[1:] == [10 * query + rank - 1 for rank in ranks[1:]]


def test_in_the_long_run_every_rank_of_a_further_window_is_drawn_equally_often() -> None:
    drawn = [row_of(draw(GROUPS, step, LISTS, POSITIVES), 0)[1][3:5] for step in range(700)]
    counts = Counter(rank for ranks in drawn for rank in ranks)
    assert set(counts) == {3, 4, 5, 6}
    assert all(290 < count < 410 for count in counts.values())  # 1400 draws of 4 ranks: 350 each, deviation 13


def test_a_short_window_leaves_its_own_columns_absent_and_no_other() -> None:
    short = replace(PLAIN, windows=(Window(1, 1, 1), Window(3, 2, 3), Window(2, 4, 6)))
    passages, ranks = row_of(draw(short, 0, LISTS, POSITIVES), 0)
    assert ranks[:5] == [0, 1, 2, 3, 0]
    assert passages[:5] == [100, 0, 1, 2, -1]
    assert all(4 <= rank <= 6 for rank in ranks[5:])
    assert row_of(draw(short, 0, LISTS, POSITIVES), 4) == ([104, 40, 41, -1, -1, -1, -1], [0, 1, 2, 0, 0, 0, 0])


def test_a_query_without_judgments_takes_its_first_column_from_the_first_window() -> None:
    passages, ranks = row_of(
        draw(replace(GROUPS, windows=(Window(1, 1, 2, "best"), Window(1, 5, 5))), 0, LISTS, POSITIVES), 3
    )
    assert (passages, ranks) == ([30, 31, 34], [1, 2, 5])


def test_further_windows_change_nothing_in_the_first() -> None:
    alone = draw(PLAIN, 3, LISTS, POSITIVES)
    beside = draw(replace(PLAIN, windows=(*PLAIN.windows, Window(1, 9, 10))), 3, LISTS, POSITIVES)
    assert np.array_equal(beside.passages[:, :4], alone.passages)
    assert np.array_equal(beside.ranks[:, :4], alone.ranks)


def test_what_is_drawn_once_is_the_same_for_a_query_in_every_step_and_differs_between_seeds() -> None:
    once = window(order="drawn_once")
    first = {query: row_of(draw(once, 0, LISTS, POSITIVES), query)[1][1:] for query in range(3)}
    assert all(set(ranks) <= set(range(2, 9)) and len(set(ranks)) == 3 for ranks in first.values())
    assert first[0] != first[1] or first[1] != first[2]
    for step in range(1, 6):
        assert {query: row_of(draw(once, step, LISTS, POSITIVES), query)[1][1:] for query in range(3)} == first
    other = replace(once, seed=1)
    assert {query: row_of(draw(other, 0, LISTS, POSITIVES), query)[1][1:] for query in range(3)} != first


def test_the_first_judged_passage_may_stand_for_all() -> None:
    first = replace(PLAIN, positive="first")
    assert {row_of(draw(first, step, LISTS, POSITIVES), 1)[0][0] for step in range(20)} == {101}
    assert {row_of(draw(PLAIN, step, LISTS, POSITIVES), 1)[0][0] for step in range(20)} == {101, 102}


def test_a_draw_that_goes_on_has_the_queries_behind_those_that_were_drawn() -> None:
    whole = [number for step in range(6) for number in query_order(Sampling(0, 4, ()), step, 10).tolist()]
    going_on = Sampling(0, 3, (), start=12)
    assert [number for step in range(4) for number in query_order(going_on, step, 10).tolist()] == whole[12:24]
    assert query_order(Sampling(0, 4, (), start=0), 2, 10).tolist() == query_order(Sampling(0, 4, ()), 2, 10).tolist()


def test_a_draw_that_goes_on_has_lists_of_its_own() -> None:
    epoch = replace(PLAIN, start=5)  # all queries were drawn once: every one comes again, in another order
    first, second = draw(PLAIN, 0, LISTS, POSITIVES), draw(epoch, 0, LISTS, POSITIVES)
    assert sorted(first.queries) == sorted(second.queries)
    lists = [{query: row_of(drawn, query)[1] for query in range(3)} for drawn in (first, second)]
    assert all(lists[0][query] != lists[1][query] for query in range(3))
