"""The control: guides whose scores say nothing of which candidate is which."""

from dataclasses import replace

import pytest
import torch

from retrieval_kd.batch.candidates import StepWeights
from retrieval_kd.losses.objective import Objective
from retrieval_kd.losses.shuffle import orders, relabelled, shuffled
from retrieval_kd.scorers.view import View
from tests.losses.numbers import rows
from tests.losses.test_objective import agree, contrastive, listwise
from tests.steps import step

PRESENT = [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 1, 1]]
DARK = [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_a_list_is_permuted_among_what_is_listed_and_a_pool_among_what_is_pooled() -> None:
    batch = step(PRESENT, dark=DARK, queries_per_pool=2)
    own, pool, *_ = orders(5, batch)
    for order, moves in ((own, batch.listed), (pool, batch.pooled)):
        places = torch.arange(order.shape[1])
        assert torch.equal(order.sort(1).values, places.expand_as(order))
        assert torch.equal(order[~moves], places.expand_as(order)[~moves])
    assert own[2, 3] in (0, 1, 2, 3), "a dark example of the own list moves with the others"


def test_an_order_is_a_function_of_seed_and_step_and_a_curriculum_changes_nothing() -> None:
    batch = step(PRESENT)
    own, pool, *_ = orders(5, batch)
    step_weights = StepWeights(batch.present & False, torch.zeros(4), torch.zeros(4, 4))
    for same in (batch, batch.weighted(step_weights), replace(batch, first=2, local=2)):
        assert torch.equal(orders(5, same).own, own)
        assert torch.equal(orders(5, same).pool, pool)
    for other in (orders(6, batch), orders(5, replace(batch, step=1))):
        assert not torch.equal(other.pool, pool)
        assert not torch.equal(other.own, own)


def test_every_order_of_three_comes_about_as_often_as_any_other() -> None:
    shuffled_values = torch.cat([orders(0, replace(step([[1, 1, 1]] * 10), step=n)).own for n in range(60)])
    _, counts = torch.unique(shuffled_values, dim=0, return_counts=True)
    assert len(counts) == 6
    assert counts.min() > 70  # of 600, 100 expected, standard deviation 9


def test_a_candidate_without_a_stored_score_keeps_its_place() -> None:
    scores = torch.tensor([[1.0, torch.nan, 3.0, 4.0]] * 3)
    batch = step([[1, 1, 1, 1]] * 3, stored={"file": scores})
    shown = shuffled(1, {"stored": View(scores=scores)}, batch)["stored"].scores
    assert shown is not None
    assert torch.equal(shown.isnan(), scores.isnan())
    assert torch.equal(shown.nan_to_num().sort(1).values, scores.nan_to_num().sort(1).values)


def test_all_that_a_guide_says_of_a_candidate_moves_together() -> None:
    batch = step([[1, 1, 1]] * 2)
    number = torch.arange(6.0).reshape(2, 3)
    wide = torch.arange(12.0).reshape(2, 6)
    words = number[..., None] > torch.tensor([0.5, 2.5])
    view = View(
        scores=number,
        pool=wide,
        layers={0: number},
        pool_layers={1: wide},
        attention=number[..., None, None].expand(2, 3, 4, 2),
        query_mask=torch.ones(2, 4, dtype=torch.bool),
        passage_mask=words,
        vectors={"query": torch.tensor([[1.0] * 5, [2.0] * 5]), "passage": number[..., None].expand(2, 3, 5)},
    )
    own, pool, queries, passages = orders(3, batch)
    shown = shuffled(3, {"late": view}, batch)["late"]
    expected, expected_pool = number.gather(1, own), wide.gather(1, pool)
    for shuffled_values in (shown.scores, shown.layers[0], shown.attention[..., 1, 1]):
        assert torch.equal(shuffled_values, expected)
    assert torch.equal(shown.pool, expected_pool)
    assert torch.equal(shown.pool_layers[1], expected_pool)
    assert torch.equal(shown.passage_mask, expected[..., None] > torch.tensor([0.5, 2.5]))
    assert torch.equal(shown.vectors["query"][:, 0], queries + 1.0)
    assert torch.equal(shown.vectors["passage"][..., 4], passages.view(2, 3).float())
    assert shown.query_mask is view.query_mask


def test_labels_go_the_way_of_the_guides_scores() -> None:
    batch = step([[1, 1, 1, 1]] * 3)
    labels = torch.arange(12.0).reshape(3, 4)
    taught = batch.weighted(StepWeights(batch.present, torch.tensor([1.0, 2.0, 3.0]), labels))
    shuffled_values = relabelled(2, taught)
    assert torch.equal(shuffled_values.labels, labels.gather(1, orders(2, batch).own))
    assert torch.equal(shuffled_values.query_weight, taught.query_weight)
    assert torch.equal(relabelled(2, batch).labels, batch.labels.gather(1, orders(2, batch).own))


def test_the_learner_and_the_judgments_stay_and_an_echo_is_not_shuffled() -> None:
    terms = {"hard": contrastive("student"), "kl": listwise("student", "late"), "agree": agree("student", "again")}
    echoes = {"again": {"of": "student", "redraw": "passage"}}
    plain, control = (Objective(terms, echoes=echoes, shuffle=seed) for seed in (None, 4))
    batch = step([[1], [1], [1]])
    student = rows([0.1, 0.9, 2.0], [1.0, 0.3, 0.2], [3.0, 0.5, 0.7])
    late = rows([2.0, 0.0, 1.0], [5.0, 4.0, 0.0], [0.0, 9.0, 1.0])
    views = {"student": View(pool=student), "late": View(pool=late), "again": View(pool=late / 2)}
    one, two = plain(views, batch), control(views, batch)
    assert torch.equal(one["hard"], two["hard"])
    assert torch.equal(one["agree"], two["agree"])
    shown = control.as_guides(views, batch)["late"].pool
    expected = plain({**views, "late": View(pool=shown)}, batch)["kl"]
    assert torch.equal(two["kl"], expected)
    assert two["kl"].item() != pytest.approx(one["kl"].item())


def test_without_a_seed_guides_show_what_they_are() -> None:
    views = {"student": View(pool=rows([0.0, 0.0]))}
    assert Objective({"hard": contrastive("student")}).as_guides(views, step([[1, 1]])) is views


def test_a_seed_below_0_is_refused() -> None:
    with pytest.raises(ValueError, match=r"loss\.shuffle=-1: give a number from 0 on"):
        Objective({"hard": contrastive("student")}, shuffle=-1)
