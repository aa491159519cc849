"""MaxSim without its block, against the plain formula."""

import pytest
import torch
from torch import Tensor

from retrieval_kd.scorers import max_sim as file
from retrieval_kd.scorers.dual import dot
from retrieval_kd.scorers.late import max_sim

CHUNKS = [1, 40, 150, 4_000_000]  # products at once


def plain(query: Tensor, passage: Tensor, query_mask: Tensor, passage_mask: Tensor) -> Tensor:
    products = torch.einsum("qid,pjd->qpij", query, passage)
    best = products.masked_fill(~passage_mask[None, :, None], -torch.inf).amax(-1)
    best = best.masked_fill(~passage_mask.any(1)[None, :, None], 0.0)
    return best.masked_fill(~query_mask[:, None], 0.0).sum(-1)


def made(*, prefix: bool, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Three queries of up to 4 tokens, seven passages of up to 5; passage 2 and query 1 have none."""
    chance = torch.Generator().manual_seed(seed)
    query, passage = (
        torch.randn(shape, generator=chance, dtype=torch.float64, requires_grad=True)
        for shape in ((3, 4, 6), (7, 5, 6))
    )
    query_mask, passage_mask = (torch.rand(shape, generator=chance) < 0.6 for shape in ((3, 4), (7, 5)))
    if prefix:
        query_mask, passage_mask = (mask.sort(dim=1, descending=True).values for mask in (query_mask, passage_mask))
    query_mask[1], passage_mask[2] = False, False
    return query, passage, query_mask, passage_mask


def test_it_is_the_sum_of_the_best_products() -> None:
    query = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    passage = torch.tensor([[[3.0, 1.0], [2.0, 5.0]], [[-1.0, -2.0], [-3.0, -4.0]]])
    whole = torch.ones(1, 2, dtype=torch.bool), torch.ones(2, 2, dtype=torch.bool)
    assert max_sim(query, passage, *whole).tolist() == [[3.0 + 5.0, -1.0 - 2.0]]


@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize("block", CHUNKS)
def test_value_and_gradient_are_those_of_the_plain_formula(
    prefix: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(file._BLOCK, "cpu", block)
    for seed in range(5):
        query, passage, *masks = made(prefix=prefix, seed=seed)
        values, expected = max_sim(query, passage, *masks), plain(query, passage, *masks)
        assert torch.allclose(values, expected, rtol=0, atol=1e-12)
        weight = torch.linspace(-1, 2, values.numel(), dtype=torch.float64).view_as(values)
        ours = torch.autograd.grad((values * weight).sum(), (query, passage))
        theirs = torch.autograd.grad((expected * weight).sum(), (query, passage))
        for one, other in zip(ours, theirs, strict=True):
            assert torch.allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("block", CHUNKS)
def test_its_gradient_is_that_of_finite_differences(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(file._BLOCK, "cpu", block)
    query, passage, *masks = made(prefix=False)
    assert torch.autograd.gradcheck(lambda *sides: max_sim(*sides, *masks), (query, passage))


def test_a_masked_passage_token_never_wins_however_large() -> None:
    query, passage, query_mask, passage_mask = made(prefix=False)
    larger = passage.detach().masked_fill(~passage_mask[..., None], 1e9)
    assert torch.equal(
        max_sim(query, larger, query_mask, passage_mask), max_sim(query, passage, query_mask, passage_mask)
    )


def test_a_masked_passage_token_does_not_win_over_negative_products() -> None:
    query, passage = torch.ones(1, 1, 1), torch.tensor([[[-2.0], [0.0]]])
    values = max_sim(query, passage, torch.tensor([[True]]), torch.tensor([[True, False]]))
    assert values.item() == -2


def test_a_masked_query_token_adds_nothing() -> None:
    query, passage, query_mask, passage_mask = made(prefix=False)
    larger = query.detach().masked_fill(~query_mask[..., None], 1e9)
    assert torch.equal(
        max_sim(larger, passage, query_mask, passage_mask), max_sim(query, passage, query_mask, passage_mask)
    )


def test_a_side_without_tokens_scores_zero() -> None:
    values = max_sim(*made(prefix=True))
    assert not values[1].any()
    assert not values[:, 2].any()
    assert values[0, 0] != 0


def test_one_token_on_each_side_is_a_dot_product() -> None:
    query, passage = torch.randn(4, 1, 6), torch.randn(5, 1, 6)
    one = [torch.ones(len(side), 1, dtype=torch.bool) for side in (query, passage)]
    assert torch.allclose(max_sim(query, passage, *one), dot(query[:, 0], passage[:, 0]), atol=1e-6)


def test_what_is_kept_for_the_backward_pass_is_no_block_of_products() -> None:
    query, passage = torch.randn(1, 32, 4, requires_grad=True), torch.randn(50, 100, 4, requires_grad=True)
    masks = torch.ones(1, 32, dtype=torch.bool), torch.ones(50, 100, dtype=torch.bool)
    projected: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda some: projected.append(some.numel()) or some, lambda some: some
    ):
        max_sim(query, passage, *masks)
    assert (
        max(projected) < 32 * 50 * 100 / 5
    )  # all products; the largest kept is 50 · 100 · 4 numbers, the passages themselves
