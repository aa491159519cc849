"""How far a run agrees with a teacher's, in numbers that can be checked by hand."""

import pytest
from scipy import stats

from retrieval_kd.errors import UserError
from retrieval_kd.measures.agreement import agreement, kendall_tau, overlap, rank_biased_overlap
from retrieval_kd.measures.compare import margin
from retrieval_kd.text.run import Run

TEN = [f"p{number}" for number in range(10)]
OTHERS = [f"o{number}" for number in range(10)]


def run_of(**lists: list[str]) -> Run:
    return Run.of({query: [(name, float(-rank)) for rank, name in enumerate(of)] for query, of in lists.items()})


def test_overlap_is_the_share_of_the_teachers_top_that_is_in_the_others_top() -> None:
    assert overlap(["a", "b", "x", "y"], ["b", "c", "a", "d"], 2) == 0.5  # b
    assert overlap(["a", "b", "x", "y"], ["b", "c", "a", "d"], 4) == 0.5  # a and b
    assert overlap(["x", "a"], ["a"], 10) == 1.0  # a teacher that lists one has it alone in its top 10
    assert overlap([], ["a", "b"], 2) == 0.0


def test_tau_is_that_of_the_orders_over_the_union_of_both_tops() -> None:
    assert kendall_tau(TEN, TEN, 10) == pytest.approx(1.0)
    assert kendall_tau(TEN[::-1], TEN, 10) == pytest.approx(-1.0)
    # teacher a b c, run a c x: places of (a, b, c, x) are (0, 1, 2, 3) and (0, 3, 1, 2)
    # of 6 pairs b–c and b–x are discordant: (4 − 2) / 6
    assert kendall_tau(["a", "c", "x"], ["a", "b", "c"], 3) == pytest.approx(2 / 6)
    # two unlisted passages are tied: 100 pairs across, all discordant, of 145 that are not tied in a list
    assert kendall_tau(OTHERS, TEN, 10) == pytest.approx(-100 / 145)


def test_tau_is_1_or_0_where_a_list_orders_nothing() -> None:
    assert kendall_tau(["a"], ["a"], 10) == 1.0
    assert kendall_tau([], ["a"], 10) == kendall_tau([], ["a", "b"], 10) == 0.0


def test_rank_biased_overlap_weighs_the_first_ranks_most() -> None:
    assert rank_biased_overlap(TEN, TEN) == pytest.approx(1.0)
    assert rank_biased_overlap(OTHERS, TEN) == 0.0
    # a b against b a: shares 0 and 1 at depths 1 and 2: 0.1 (0 + 0.9 · 1) + 0.81 · 1
    assert rank_biased_overlap(["b", "a"], ["a", "b"]) == pytest.approx(0.9)
    # the first of two only: shares 1 and 1/2: 0.1 (1 + 0.9 / 2) + 0.81 / 2
    assert rank_biased_overlap(["a", "x"], ["a", "b"]) == pytest.approx(0.55)
    assert rank_biased_overlap(["a", *OTHERS], TEN[::-1]) < rank_biased_overlap([TEN[9], *OTHERS], TEN[::-1])


def test_a_run_agrees_query_by_query_and_in_nothing_where_it_has_no_list() -> None:
    report = agreement(run_of(q1=TEN, other=TEN), run_of(q1=TEN, q2=TEN), depth=100)
    assert set(report.per_query) == {"overlap@10", "overlap@100", "tau@10", "RBO@100"}
    assert report.per_query["overlap@10"] == {"q1": 1.0, "q2": 0.0}
    assert report.per_query["RBO@100"] == {"q1": pytest.approx(1.0), "q2": 0.0}
    assert agreement(run_of(q1=OTHERS), run_of(q1=TEN, q2=TEN), depth=100, queries=["q1"]).queries == 1


def test_nothing_is_said_of_ranks_that_were_not_ranked() -> None:
    assert "overlap@100" not in agreement(run_of(q=TEN), run_of(q=TEN), depth=50).per_query


def test_a_teacher_without_lists_is_nobody_to_agree_with() -> None:
    with pytest.raises(UserError, match="the teacher ranked nothing for these queries"):
        agreement(run_of(q=TEN), run_of(q=TEN), depth=10, queries=["other"])


def test_the_margin_is_half_the_t_interval_of_a_mean() -> None:
    values = [0.0, 0.5, 1.0, 0.25]
    low, high = stats.t.interval(0.95, 3, loc=0.4375, scale=stats.sem(values))
    assert margin(values) == pytest.approx((high - low) / 2)
    assert margin([0.3]) == 0.0
