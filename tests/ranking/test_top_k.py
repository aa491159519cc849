"""The best so far, while blocks pass by."""

import pytest
import torch

from retrieval_kd.ranking import top_k as top_k_module
from retrieval_kd.ranking.top_k import TopK


@pytest.mark.parametrize("queries_at_once", [1, 1024])
def test_the_best_two_of_five_are_found_in_blocks_of_any_size(
    queries_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top_k_module, "_QUERIES_AT_ONCE", queries_at_once)
    scores = torch.tensor([[1.0, 5.0, 3.0, 4.0, 2.0], [9.0, 1.0, 2.0, 3.0, 9.5]])
    for size in (1, 2, 3, 5):
        best = TopK(2, 2)
        for first in range(0, 5, size):
            block = scores[:, first : first + size]
            best.add(block, torch.arange(first, first + block.shape[1]).expand(2, -1))
        assert best.positions.tolist() == [[1, 3], [4, 0]]
        assert best.scores.tolist() == [[5.0, 4.0], [9.5, 9.0]]


def test_of_equal_scores_the_one_shown_first_stays() -> None:
    best = TopK(1, 2)
    best.add(torch.tensor([[1.0, 2.0]]), torch.tensor([[0, 1]]))
    best.add(torch.tensor([[1.0, 2.0]]), torch.tensor([[2, 3]]))
    assert best.positions.tolist() == [[1, 3]]


def test_fewer_than_asked_for_are_all_there_are() -> None:
    best = TopK(1, 10)
    best.add(torch.tensor([[1.0, 2.0]]), torch.tensor([[0, 1]]))
    assert best.positions.tolist() == [[1, 0]]
