"""Scores of texts against texts, as own lists and as pools, on any number of ranks."""

from dataclasses import replace

import pytest
import torch

from retrieval_kd.scorers.dual import dot
from retrieval_kd.scorers.pools import list_scores, own_list, pool_scores
from tests.steps import step

QUERIES = torch.arange(1.0, 7.0)[:, None]  # six queries 1 … 6 and their twelve passages 1, 10, 2, 20 …
PASSAGES = torch.tensor([[number * ten] for number in range(1, 7) for ten in (1.0, 10.0)])


@pytest.mark.parametrize(
    ("queries_per_pool", "row"),
    [(1, [5.0 * 5, 5 * 50]), (2, [25.0, 250, 30, 300]), (3, [20.0, 200, 25, 250, 30, 300])],
)
def test_a_query_is_compared_with_the_lists_of_its_pool(queries_per_pool: int, row: list[float]) -> None:
    batch = step([[1, 1]] * 6, queries_per_pool=queries_per_pool)
    pool = pool_scores(dot, (QUERIES,), (PASSAGES,), batch, lambda rows: rows)
    assert pool[4].tolist() == row


@pytest.mark.parametrize("queries_per_pool", [1, 2, 3, 6])
@pytest.mark.parametrize("ranks", [1, 2, 3, 6])
def test_ranks_together_have_the_rows_of_one_process(queries_per_pool: int, ranks: int) -> None:
    whole = step([[1, 1]] * 6, queries_per_pool=queries_per_pool)
    expected = pool_scores(dot, (QUERIES,), (PASSAGES,), whole, lambda rows: rows)
    local, result = 6 // ranks, []
    for first in range(0, 6, local):
        mine, own = slice(first, first + local), slice(2 * first, 2 * (first + local))
        part = replace(whole, first=first, local=local)
        pool = pool_scores(dot, (QUERIES[mine],), (PASSAGES[own],), part, lambda rows: PASSAGES)
        lists = list_scores(dot, (QUERIES[mine],), (PASSAGES[own],), part)
        assert torch.equal(own_list(pool, part), lists)
        result.append(pool)
    assert torch.equal(torch.cat(result), expected)


def test_the_own_list_is_compared_with_its_own_query_alone() -> None:
    batch = step([[1, 1]] * 6)
    lists = list_scores(dot, (QUERIES,), (PASSAGES,), batch)
    assert lists.tolist() == [[n * n, 10 * n * n] for n in range(1, 7)]
