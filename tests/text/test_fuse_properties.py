"""What fusion keeps, whatever is fused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from retrieval_kd.text.fuse import interpolate, reciprocal_rank, standardised
from retrieval_kd.text.run import Run

SCORES = some.floats(-100, 100, width=32)
LISTS = some.dictionaries(
    some.sampled_from(["q1", "q2", "q3"]),
    some.dictionaries(some.sampled_from([f"p{n}" for n in range(8)]), SCORES, min_size=1),
    min_size=1,
)
RUNS = LISTS.map(lambda lists: Run.of({query: listed.items() for query, listed in lists.items()}))
FEW = settings(max_examples=40, derandomize=True, deadline=None)


def _passages(run: Run) -> dict[str, set[str]]:
    return {query: {ranked.passage_id for ranked in listed} for query, listed in run.lists.items()}


@given(RUNS, RUNS)
@FEW
def test_every_way_of_fusing_lists_what_some_run_lists_and_nothing_else(one: Run, other: Run) -> None:
    both = {query: _passages(one).get(query, set()) | _passages(other).get(query, set())
            for query in {*one.lists, *other.lists}}  # fmt: skip
    for fused in (interpolate(one, other, alpha=0.5), reciprocal_rank([one, other]), standardised([one, other])):
        assert _passages(fused) == both


@given(RUNS, RUNS)
@FEW
def test_ranks_fuse_alike_in_either_order(one: Run, other: Run) -> None:
    fused, turned = reciprocal_rank([one, other]), reciprocal_rank([other, one])
    assert _passages(fused) == _passages(turned)
    for query, listed in fused.lists.items():
        assert dict(listed) == pytest.approx(dict(turned.lists[query]))


@given(RUNS, some.integers(1, 8))
@FEW
def test_a_run_fused_with_itself_keeps_its_order_and_no_list_is_longer_than_the_depth(run: Run, depth: int) -> None:
    fused = interpolate(run, run, alpha=1.0, depth=depth)
    assert {query: [ranked.passage_id for ranked in listed] for query, listed in fused.lists.items()} == {
        query: [ranked.passage_id for ranked in listed][:depth] for query, listed in run.lists.items()
    }
