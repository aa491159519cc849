"""Queries that nobody judged, parted into those to train on and those held out."""

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.held_out import MOST, part_unjudged


def test_every_query_is_trained_on_or_held_out_in_the_order_that_it_came_in() -> None:
    queries = {f"q{number}": f"query {number}" for number in range(50)}
    trained, held = part_unjudged(queries, fraction=0.2, seed=0)
    assert (len(trained), len(held)) == (40, 10)
    assert sorted([*trained, *held], key=list(queries).index) == list(queries)
    for part in (trained, held):
        assert list(part) == [name for name in queries if name in part]


def test_queries_of_equal_words_stay_together() -> None:
    queries = {f"q{number}": f"query {number // 2}" + "?" * (number % 2) for number in range(40)}
    for seed in range(10):
        _, held = part_unjudged(queries, fraction=0.3, seed=seed)
        assert len(held) == 12
        assert len({queries[name].rstrip("?") for name in held}) == 6


def test_the_seed_says_which_are_held_out_and_no_more_than_500_are() -> None:
    queries = {f"q{number}": f"query {number}" for number in range(6000)}
    one, other = (part_unjudged(queries, fraction=0.1, seed=seed)[1] for seed in (0, 1))
    assert len(one) == len(other) == MOST
    assert one != other


def test_a_group_that_does_not_fit_is_trained_on() -> None:
    queries = {**dict.fromkeys(("a", "b", "c"), "the same"), "d": "another"}
    assert part_unjudged(queries, fraction=0.1, seed=0) == (("a", "b", "c"), ("d",))


def test_nothing_to_hold_out_is_refused() -> None:
    for queries in ({"a": "one"}, {"a": "one", "b": "ONE!"}):
        with pytest.raises(UserError, match=r"give more queries, or a larger share"):
            part_unjudged(queries, fraction=0.9, seed=0)
