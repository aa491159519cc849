"""The positive against the rest, and the rest among themselves."""

import pytest
import torch

from retrieval_kd.losses.decoupled_kl import DecoupledKL, decoupled_kl
from retrieval_kd.losses.listwise_kl import listwise_kl
from retrieval_kd.scorers.view import View
from tests.losses.numbers import LN2, LN3, flags, kl, rows
from tests.steps import step

FIRST = torch.tensor([0])
# the learner's shares are 1/2, 1/4, 1/4, the guide's 2/6, 3/6, 1/6
LEARNER, GUIDE = [LN2, 0.0, 0.0], [LN2, LN3, 0.0]


def test_the_first_part_has_two_classes_and_the_second_all_but_the_positive() -> None:
    target = kl((1 / 3, 2 / 3), (1 / 2, 1 / 2))
    rest = kl((3 / 4, 1 / 4), (1 / 2, 1 / 2))
    assert decoupled_kl(rows(LEARNER), rows(GUIDE), FIRST, beta=0.0).item() == pytest.approx(target)
    assert decoupled_kl(rows(LEARNER), rows(GUIDE), FIRST, alpha=0.0).item() == pytest.approx(rest)
    assert decoupled_kl(rows(LEARNER), rows(GUIDE), FIRST, alpha=2.0, beta=3.0).item() == pytest.approx(
        2 * target + 3 * rest
    )


def test_with_the_guides_weight_on_the_rest_the_parts_are_the_listwise_divergence() -> None:
    # Zhao et al. (2022), eq. 6: beta = 1 - P_guide(positive)
    loss = decoupled_kl(rows(LEARNER), rows(GUIDE), FIRST, beta=2 / 3)
    assert loss.item() == pytest.approx(listwise_kl(rows(LEARNER), rows(GUIDE)).item())


def test_a_temperature_divides_both_sides_and_multiplies_by_its_square() -> None:
    doubled = decoupled_kl(rows([2 * x for x in LEARNER]), rows([2 * x for x in GUIDE]), FIRST, temperature=2.0)
    assert doubled.item() == pytest.approx(4 * decoupled_kl(rows(LEARNER), rows(GUIDE), FIRST).item())


def test_a_query_without_a_positive_or_without_a_rest_adds_nothing() -> None:
    alone = decoupled_kl(rows(LEARNER), rows(GUIDE), FIRST, present=flags([1, 0, 0]))
    assert alone.item() == pytest.approx(0)
    both = decoupled_kl(rows(LEARNER, LEARNER), rows(GUIDE, GUIDE), torch.tensor([0, -1]))
    assert both.item() == pytest.approx(decoupled_kl(rows(LEARNER), rows(GUIDE), FIRST).item())


def test_the_term_reads_the_positive_of_the_own_list() -> None:
    options = {"temperature": 1.0, "alpha": 1.0, "beta": 0.0}
    ends = {"learner": "student", "guide": "cross", "over": "list", "detach_guide": True, "paced": True, "weight": 1.0}
    views = {"student": View(scores=rows(LEARNER)), "cross": View(scores=rows(GUIDE))}
    loss = DecoupledKL(**ends, **options)(views, step([[1, 1, 1]]))
    assert loss.item() == pytest.approx(kl((1 / 3, 2 / 3), (1 / 2, 1 / 2)))
