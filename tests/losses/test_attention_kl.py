"""Where a query's words look in the passage."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from retrieval_kd.losses.attention_kl import AttentionKL, attention_distance, attention_kl, softened
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import flags, kl
from tests.steps import step

QUARTERS, HALVES = (0.75, 0.25), (0.5, 0.5)


def words(*lists: list[list[list[float]]]) -> Tensor:
    """[query candidate query_token passage_token]"""
    return torch.tensor(lists, dtype=torch.float64, requires_grad=True)


LEARNER, GUIDE = words([[[0.5, 0.5], [0.5, 0.5]]]), words([[[0.75, 0.25], [0.5, 0.5]]])


def distance(learner: Tensor, guide: Tensor, *, kind: Any = "kl", per: Any = "row", **options: Any) -> float:
    """With everything else as the plain divergence has it."""
    plain = {"present": None, "soften_guide": False, "query_weight": None}
    return attention_distance(learner, guide, distance=kind, per=per, **{**plain, **options}).item()


TERM: dict[str, Any] = {
    "learner": "student",
    "guide": "cross",
    "distance": "kl",
    "per": "row",
    "soften_guide": False,
    "heads": "mean",
    "learner_temperature": 1.0,
    "detach_guide": True,
    "paced": True,
    "weight": 1.0,
}
BOTH, TWO = torch.tensor([[True, True]]), torch.tensor([[[True, True]]])


def test_it_is_the_mean_divergence_of_query_words_rows() -> None:
    loss = attention_kl(LEARNER, GUIDE, query_mask=BOTH, passage_mask=TWO)
    assert loss.item() == pytest.approx(kl(QUARTERS, HALVES) / 2)


def test_a_masked_query_word_is_no_row() -> None:
    loss = attention_kl(LEARNER, GUIDE, query_mask=flags([1, 0]), passage_mask=TWO)
    assert loss.item() == pytest.approx(kl(QUARTERS, HALVES))


def test_masked_columns_are_dropped_and_both_sides_made_whole_again() -> None:
    learner, guide = words([[[0.1, 0.1, 0.8]]]), words([[[0.3, 0.1, 0.6]]])
    mask = torch.tensor([[[True, True, False]]])
    loss = attention_kl(learner, guide, query_mask=flags([1]), passage_mask=mask)
    assert loss.item() == pytest.approx(kl(QUARTERS, HALVES))


def test_a_passage_without_words_or_absent_is_skipped() -> None:
    learner = words([[[0.5, 0.5]], [[0.9, 0.1]], [[0.9, 0.1]]])
    guide = words([[[0.75, 0.25]], [[0.1, 0.9]], [[0.1, 0.9]]])
    mask = torch.tensor([[[True, True], [False, False], [True, True]]])
    loss = attention_kl(learner, guide, query_mask=flags([1]), passage_mask=mask, present=flags([1, 1, 0]))
    assert loss.item() == pytest.approx(kl(QUARTERS, HALVES))


def test_rows_weigh_by_their_querys_pace() -> None:
    learner, guide = words([[[0.5, 0.5]]], [[[0.5, 0.5]]]), words([[[0.75, 0.25]]], [[[0.5, 0.5]]])
    masks = {"query_mask": flags([1], [1]), "passage_mask": torch.ones(2, 1, 2, dtype=torch.bool)}
    loss = attention_kl(learner, guide, **masks, query_weight=torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx(kl(QUARTERS, HALVES) / 4)


def test_without_any_row_it_is_zero_with_a_graph() -> None:
    learner = words([[[0.5, 0.5]]])
    loss = attention_kl(learner, words([[[0.75, 0.25]]]), query_mask=flags([0]), passage_mask=TWO)
    loss.backward()
    assert loss.item() == 0
    assert learner.grad.tolist() == [[[[0, 0]]]]


def test_per_pair_rows_are_summed_and_their_sums_averaged_over_pairs_that_have_words() -> None:
    learner = words([[[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [1.0, 0.0]]])
    guide = words([[[0.75, 0.25], [0.75, 0.25]], [[0.5, 0.5], [0.5, 0.5]], [[0.0, 1.0], [0.0, 1.0]]])
    mask = torch.tensor([[[True, True], [True, True], [False, False]]])
    loss = distance(learner, guide, query_mask=flags([1, 1]), passage_mask=mask, per="pair")
    assert loss == pytest.approx(2 * kl(QUARTERS, HALVES) / 2)
    first = distance(learner, guide, query_mask=flags([1, 0]), passage_mask=mask, per="pair")
    assert first == pytest.approx(kl(QUARTERS, HALVES) / 2)


def test_a_softened_guide_passes_through_a_softmax_once_more() -> None:
    e = math.exp(0.5)
    loss = distance(LEARNER, GUIDE, query_mask=flags([1, 0]), passage_mask=TWO, soften_guide=True)
    assert loss == pytest.approx(kl((e / (1 + e), 1 / (1 + e)), HALVES))
    hidden = words([[[0.75, 0.25, 0.0]]])
    mask = torch.tensor([[[True, True, False]]])
    masks = {"query_mask": flags([1]), "passage_mask": mask, "soften_guide": True}
    assert distance(words([[[0.5, 0.5, 0.0]]]), hidden, **masks) == pytest.approx(loss)


def test_the_square_is_summed_over_passage_words_and_a_mean_over_rows_or_over_pairs() -> None:
    learner = words([[[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.5, 0.5]], [[1.0, 0.0], [1.0, 0.0]]])
    guide = words([[[0.75, 0.25], [0.5, 0.5]], [[0.9, 0.1], [0.9, 0.1]], [[0.0, 1.0], [0.0, 1.0]]])
    mask = torch.tensor([[[True, True], [True, True], [False, False]]])
    masks = {"passage_mask": mask, "present": flags([1, 1, 1])}
    pairs = distance(learner, guide, query_mask=flags([1, 1]), kind="mse", per="pair", **masks)
    assert pairs == pytest.approx((2 * 0.25**2 + 2 * 0.4**2) / 2)
    rows = distance(learner, guide, query_mask=flags([1, 1]), kind="mse", **masks)
    assert rows == pytest.approx((2 * 0.25**2 + 2 * 0.4**2) / 4)
    first = distance(learner, guide, query_mask=flags([1, 0]), kind="mse", per="pair", **masks)
    assert first == pytest.approx(2 * 0.25**2 / 2)


def test_a_temperature_takes_back_what_the_products_were_divided_by() -> None:
    products = torch.tensor([[[[3.0, -1.0, 2.0], [0.5, 0.0, -4.0]]]], dtype=torch.float64)
    scaled = (products / 384**0.5).softmax(-1)
    torch.testing.assert_close(softened(scaled, 384**-0.5), products.softmax(-1), rtol=1e-9, atol=1e-12)
    assert softened(scaled, 1.0) is scaled
    cut = torch.tensor([[[[0.2, 0.8, 0.0]]]])
    torch.testing.assert_close(softened(cut, 0.5), torch.tensor([[[[0.04, 0.64, 0.0]]]]) / 0.68)


def test_the_term_measures_as_its_options_say() -> None:
    masks = {"query_mask": flags([1]), "passage_mask": TWO}
    views = {
        "student": View(attention=words([[[0.5, 0.5]]]), **masks),
        "cross": View(attention=words([[[0.75, 0.25]]]), **masks),
    }
    squared = AttentionKL(**{**TERM, "distance": "mse"})
    assert squared(views, step([[1]])).item() == pytest.approx(2 * 0.25**2)
    softened_again = AttentionKL(**{**TERM, "soften_guide": True})
    e = math.exp(0.5)
    assert softened_again(views, step([[1]])).item() == pytest.approx(kl((e / (1 + e), 1 / (1 + e)), HALVES))
    sharp = AttentionKL(**{**TERM, "learner_temperature": 0.5})
    views["student"] = View(attention=words([[[0.2, 0.8]]]), **masks)
    assert sharp(views, step([[1]])).item() == pytest.approx(kl(QUARTERS, (0.04 / 0.68, 0.64 / 0.68)))


def test_the_term_reads_a_guide_that_has_more_or_fewer_columns() -> None:
    term = AttentionKL(**TERM)
    masks = {"query_mask": flags([1]), "passage_mask": TWO}
    student = View(attention=words([[[0.5, 0.5]]]), **masks)
    wider = View(attention=words([[[0.75, 0.25, 0.0], [0.0, 0.0, 0.0]]]))
    loss = term({"student": student, "cross": wider}, step([[1]]))
    assert loss.item() == pytest.approx(kl(QUARTERS, HALVES))
    assert term.wants(0) == {"student": {Want("attention")}, "cross": {Want("attention")}}
    narrower = View(attention=words([[[1.0]]]))
    loss = term({"student": student, "cross": narrower}, step([[1]]))
    assert loss.item() == pytest.approx(kl((1.0, 0.0), HALVES))
