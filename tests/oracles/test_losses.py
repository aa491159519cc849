"""Losses against values of the methods' published code; inputs are waves, scale · sin(a·k + b) + shift."""

import math
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import kl_div, mse_loss, normalize

from retrieval_kd.losses.agreement import agreement
from retrieval_kd.losses.attention_kl import attention_distance
from retrieval_kd.losses.contrastive import contrastive
from retrieval_kd.losses.decoupled_kl import decoupled_kl
from retrieval_kd.losses.lambda_rank import lambda_ndcg, lambda_rank
from retrieval_kd.losses.layer_kl import informativeness, layer_kl
from retrieval_kd.losses.listwise_kl import listwise_kl
from retrieval_kd.losses.logit_mse import logit_mse
from retrieval_kd.losses.margin_mse import margin_mse_of_all
from retrieval_kd.scorers.dual import dot
from retrieval_kd.scorers.late import max_sim


def wave(shape: tuple[int, ...], a: float, b: float, scale: float = 1, shift: float = 0) -> Tensor:
    steps = torch.arange(math.prod(shape), dtype=torch.float64)
    return (scale * torch.sin(a * steps + b) + shift).reshape(shape)


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def all_real(texts: Tensor) -> Tensor:
    return torch.ones(texts.shape[:2], dtype=torch.bool)


def test_prod_with_a_cross_encoder_is_the_published_value() -> None:
    learner, guide, previous = wave((3, 4), 1.3, 0.2, 3), wave((3, 4), 0.7, 1.1, 5), wave((3, 4), 2.1, -0.4, 3)
    four = {"learner_temperature": 4.0, "guide_temperature": 4.0, "scale": 16.0}
    hard = contrastive(learner, torch.zeros(3, dtype=torch.long))
    kd, remembering = listwise_kl(learner, guide, **four), listwise_kl(learner, previous, **four)
    assert hard.item() == pytest.approx(4.6685578082, rel=1e-8)
    assert kd.item() == pytest.approx(2.1163977774, rel=1e-8)
    assert remembering.item() == pytest.approx(3.5528191712, rel=1e-8)
    assert (0.1 * hard + 0.9 * kd + remembering).item() == pytest.approx(5.9244329517, rel=1e-8)


def test_prod_in_batch_is_the_published_value() -> None:
    learner = dot(wave((2, 3), 0.9, 0.1), wave((4, 3), 1.7, 0.5))
    guide = dot(wave((2, 3), 0.5, 0.9, 2), wave((4, 3), 0.8, -0.3, 2))
    hard = contrastive(learner, torch.tensor([0, 2]))
    kd = listwise_kl(learner, guide, learner_temperature=4.0, guide_temperature=4.0, scale=16.0)
    assert hard.item() == pytest.approx(2.1124492724, rel=1e-8)
    assert kd.item() == pytest.approx(6.3884732845, rel=1e-8)
    assert (0.1 * hard + 0.9 * kd).item() == pytest.approx(5.9608708833, rel=1e-8)


def test_tight_coupling_is_the_derived_value() -> None:
    query = wave((2, 3, 5), 1.1, 0.3)
    passage = torch.cat([wave((2, 4, 5), 0.6, 0.8), wave((2, 4, 5), 0.45, -0.2)])
    guide = max_sim(query, normalize(passage, dim=-1), all_real(query), all_real(passage))
    torch.testing.assert_close(guide[0], numbers(2.31963384, 2.06716553, 2.80428897, 2.08430767), rtol=1e-8, atol=1e-8)
    learner = dot(query.mean(1), passage.mean(1))
    assert listwise_kl(learner, guide, guide_temperature=0.25).item() == pytest.approx(0.6959624140, rel=1e-8)


def test_agreement_is_the_published_value() -> None:
    first, second = wave((2, 4), 1, 0.3, 2), wave((2, 4), 1, 0.35, 2)
    assert agreement(first, second).item() == pytest.approx(0.000995404061271736, rel=1e-8)


def test_layer_kl_is_the_published_value() -> None:
    masks = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0]]).bool()
    query, passage = wave((2, 2, 3, 5), 0.7, 0.1), wave((4, 2, 4, 5), 0.5, 0.4)
    guide = torch.stack([max_sim(query[:, n], passage[:, n], all_real(query[:, n]), masks) for n in range(2)])
    query, passage = wave((2, 2, 3, 5), 0.9, 0.2), wave((4, 2, 4, 5), 0.3, 0.6)
    learner = torch.stack([dot(query[:, n, 0], passage[:, n, 0]) for n in range(2)])
    positive = torch.tensor([0, 2])
    assert layer_kl(learner, guide, positive).item() == pytest.approx(0.4316754854, rel=1e-8)
    weights = informativeness(guide, positive, negatives=None, temperature=10.0)
    torch.testing.assert_close(weights, numbers(0.51051584, 0.48948416), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("labels", "value"),
    [
        ([1 / n for n in range(1, 6)] + [-0.25] * 12 + [-0.5] * 13, 0.1792751949),
        ([1 / n for n in range(1, 11)] + [-0.25] * 10 + [-0.5] * 10, 0.1581076227),
        ([1 / n for n in range(1, 31)], 0.1431261903),
    ],
)
def test_lambda_rank_of_thirty_is_the_published_value(labels: list[float], value: float) -> None:
    scores = wave((2, 30), 0.37, 0.6, 2, 100)
    assert lambda_rank(scores, numbers(*labels).repeat(2, 1)).item() == pytest.approx(value, rel=1e-6)


def test_lambda_rank_of_four_is_the_published_value() -> None:
    scores = torch.stack([numbers(2.01, 1.23, 1.02, 0.4), numbers(0.45, 1.04, 1.02, 3.12)])
    assert lambda_rank(scores, numbers(1, 0.5, 0, 0).repeat(2, 1)).item() == pytest.approx(0.4333457993, rel=1e-6)


def test_lambda_rank_by_ndcg_is_the_published_value() -> None:
    labels = torch.stack([numbers(1, 0.5, 0, 0), numbers(3, 2, 1, 0), numbers(0, 0, 1, -0.5)])
    found = lambda_ndcg(wave((3, 4), 1.3, 0.2, 3), labels)
    assert found.item() == pytest.approx(0.2330385724771431, rel=1e-8)


def test_what_prod_offers_beside_its_softmax_is_the_published_value() -> None:
    learner, guide, first = wave((3, 4), 1.3, 0.2, 3), wave((3, 4), 0.7, 1.1, 5), torch.zeros(3, dtype=torch.long)
    assert logit_mse(learner, guide).item() == pytest.approx(8.050945007325332, rel=1e-8)
    found = decoupled_kl(learner, guide, first, temperature=4.0, alpha=1.0, beta=8.0)
    assert found.item() == pytest.approx(16.164509594152232, rel=1e-8)


def test_margins_of_all_pairs_are_the_published_value() -> None:
    learner, guide = wave((3, 4), 1.3, 0.2, 3), wave((3, 4), 0.7, 1.1, 5)
    assert margin_mse_of_all(learner, guide).item() == pytest.approx(8.630478277731426, rel=1e-8)


def attention_of(query_words: list[int]) -> dict[str, Any]:
    """Two queries × two passages of 3, 2, 4 and 3 words: softmax of products, and rows that sum to 1, of one head."""
    query, passage = wave((2, 5, 5), 0.7, 0.3)[:, 1:4], wave((4, 6, 5), 0.4, -0.2)[:, 1:5]
    words = torch.tensor([[3, 2], [4, 3]])
    columns = torch.arange(4) < words[..., None]
    products = torch.einsum("qid,qcjd->qcij", query, passage.reshape(2, 2, 4, 5))
    guide = wave((4, 3, 4), 1.3, 0.5, 0.5, 1).reshape(2, 2, 3, 4) * columns[:, :, None]
    return {
        "learner": products.masked_fill(~columns[:, :, None], -torch.inf).softmax(-1),
        "guide": guide / guide.sum(-1, keepdim=True),
        "query_mask": torch.arange(3) < torch.tensor(query_words)[:, None],
        "passage_mask": columns,
        "present": None,
        "soften_guide": True,
        "query_weight": None,
    }


def of_pairs(given: dict[str, Any]) -> list[tuple[Tensor, Tensor]]:
    """(learner's rows, guide's rows) of each pair, cut to its words: [query word, passage word]."""
    found = []
    for query, passage in product(range(2), range(2)):
        kept = given["query_mask"][query], given["passage_mask"][query, passage]
        found.append(tuple(given[side][query, passage][kept[0]][:, kept[1]] for side in ("learner", "guide")))
    return found


def attention_map_loss(given: dict[str, Any]) -> list[float]:
    """Each pair's loss as LEAD/util.py:467-502 has it: PyTorch's KL, `batchmean` over the single head, of the guide's
    rows through a softmax; the learner's rows are a softmax already."""
    return [
        kl_div(found.log()[None], guide[None].softmax(-1), reduction="batchmean").item()
        for found, guide in of_pairs(given)
    ]


def virt_loss(given: dict[str, Any]) -> float:
    """As LEAD/util.py:504-537 has it of a cross-encoder: PyTorch's squared error, summed over a pair, divided by the
    pairs and by the query words that they are padded to."""
    total = sum(mse_loss(found, guide.softmax(-1), reduction="sum").item() for found, guide in of_pairs(given))
    return total / 4 / given["query_mask"].shape[1]


@pytest.mark.parametrize("words", [[2, 3], [3, 3], [1, 2]])
def test_word_attention_per_pair_and_softened_is_that_of_attention_map_loss(words: list[int]) -> None:
    given = attention_of(words)
    found = attention_distance(**given, distance="kl", per="pair")
    assert found.item() == pytest.approx(sum(attention_map_loss(given)) / 4, rel=1e-8)


def test_squared_word_attention_of_equally_long_queries_is_that_of_virt_loss() -> None:
    given = attention_of([3, 3])
    assert attention_distance(**given, distance="mse", per="row").item() == pytest.approx(virt_loss(given), rel=1e-8)
    ragged = attention_of([2, 3])  # there the padded length divides, as it does here per pair
    found = attention_distance(**ragged, distance="mse", per="pair").item() / 3
    assert found == pytest.approx(virt_loss(ragged), rel=1e-8)


def test_word_attention_per_pair_and_softened_is_the_published_value() -> None:
    given = attention_of([2, 3])
    published = [2.4140948577, 1.9522105437, 3.7858300415, 3.6819837336]  # of attention_map_loss of LEAD/util.py itself
    assert attention_map_loss(given) == pytest.approx(published, rel=1e-8)
    found = attention_distance(**given, distance="kl", per="pair")
    assert found.item() == pytest.approx(2.958529794120965, rel=1e-8)


def test_squared_word_attention_of_a_cross_encoder_is_the_published_value() -> None:
    # virt_loss of LEAD/util.py, whose queries are padded to three words; here all have three
    found = attention_distance(**attention_of([3, 3]), distance="mse", per="row")
    assert found.item() == pytest.approx(0.36198439288708356, rel=1e-8)
