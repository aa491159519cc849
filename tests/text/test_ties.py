"""Order among equal scores, against the plain way."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from retrieval_kd.text.ties import best_first, order_ties

ROWS = some.lists(some.tuples(some.integers(0, 3), some.sampled_from([0.0, 0.5, 1.0])), max_size=40)


@given(ROWS, some.booleans())
def test_best_first_is_the_sort_by_row_score_and_number(pairs: list[tuple[int, float]], presorted: bool) -> None:
    pairs = sorted(pairs, key=lambda pair: (pair[0], -pair[1])) if presorted else pairs
    rows = np.array([row for row, _ in pairs], np.int64)
    scores = np.array([score for _, score in pairs])
    numbers = np.random.default_rng(0).permutation(len(pairs))
    expected = sorted(range(len(pairs)), key=lambda at: (rows[at], -scores[at], numbers[at]))
    assert best_first(rows, scores, numbers).tolist() == expected


def test_only_equal_scores_of_one_list_change_places() -> None:
    rows, scores = np.array([0, 0, 0, 1, 1]), np.array([2.0, 1.0, 1.0, 1.0, 1.0])
    grades, numbers = np.array([9, 1, 0, 0, 0]), np.array([5, 1, 2, 8, 7])
    assert order_ties(rows, scores, [grades, numbers]).tolist() == [0, 2, 1, 4, 3]
