"""The dual encoder."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from retrieval_kd.scorers.dual import Dual, dot
from tests.scorers.reading import LISTS, QUERIES, alone, batch, dual, features, look, moved


def vector(scorer: Dual, text: str, kind: str) -> Tensor:
    """By the bare backbone, one text at a time; zeros for none."""
    assert scorer.tokenisation is not None
    if not text:
        return torch.zeros(16)
    return alone(scorer.encoder_of(kind), scorer.tokenisation, text, kind).mean(0)


def by_hand(scorer: Dual, *, unit: bool) -> Tensor:
    """[query, query of the list, candidate]: scores of every query with every passage."""
    asked = torch.stack([vector(scorer, text, "query") for text in QUERIES])
    vectors = torch.stack([vector(scorer, text, "passage") for listed in LISTS for text in listed])
    if unit:
        asked, vectors = normalize(asked, dim=-1), normalize(vectors, dim=-1)
    return (asked @ vectors.T).view(4, 4, 3)


def test_dot_is_of_every_query_with_every_passage() -> None:
    query, passage = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[3.0, 4.0], [5.0, 6.0], [-1.0, 0.5]])
    assert dot(query, passage).tolist() == [[11.0, 17.0, 0.0], [4.0, 6.0, 0.5]]


@pytest.mark.parametrize("unit", [True, False])
def test_a_score_is_the_scaled_product_of_pooled_vectors(backbone: Path, unit: bool) -> None:
    scorer = dual(backbone, normalize=unit, scale=3.0)
    view = look(scorer, batch(scorer), features("scores", "pool"))
    expected = 3 * by_hand(scorer, unit=unit)
    assert view.pool is not None
    assert view.scores is not None
    assert torch.allclose(view.pool, expected.reshape(4, 12), atol=1e-4)
    assert torch.allclose(view.scores, expected[range(4), range(4)], atol=1e-4)


def test_the_own_list_is_the_own_columns_of_the_pool(backbone: Path) -> None:
    scorer = dual(backbone)
    step = batch(scorer, queries_per_pool=2)
    both, list_alone = look(scorer, step, features("scores", "pool")), look(scorer, step, features("scores"))
    assert both.scores is not None
    assert both.pool is not None
    assert both.pool.shape == (4, 6)
    for query, (own, pool) in enumerate(zip(both.scores, both.pool, strict=True)):
        first = 3 * (query % 2)
        assert torch.equal(own, pool[first : first + 3])
    assert list_alone.pool is None
    assert torch.allclose(list_alone.scores, both.scores, atol=1e-5)


def test_every_pool_has_the_lists_of_its_own_queries(backbone: Path) -> None:
    scorer = dual(backbone, scale=1.0)
    view = look(scorer, batch(scorer, queries_per_pool=2), features("pool"))
    expected = by_hand(scorer, unit=True)
    assert torch.allclose(view.pool[0], expected[0, :2].flatten(), atol=1e-5)
    assert torch.allclose(view.pool[3], expected[3, 2:].flatten(), atol=1e-5)


def test_only_what_is_wanted_is_there(backbone: Path) -> None:
    scorer = dual(backbone)
    view = look(scorer, batch(scorer), features("vectors"))
    assert (view.scores, view.pool, view.attention, view.layers, view.pool_layers) == (None, None, None, {}, {})
    assert view.vectors["query"].shape == (4, 16)
    assert view.vectors["passage"].shape == (4, 3, 16)


def test_vectors_are_what_scores_are_made_of(backbone: Path) -> None:
    scorer = dual(backbone, scale=2.0)
    view = look(scorer, batch(scorer), features("scores", "vectors"))
    products = torch.einsum("qd,qcd->qc", view.vectors["query"], view.vectors["passage"])
    assert torch.allclose(view.scores, 2 * products, atol=1e-5)
    assert torch.allclose(view.vectors["query"].norm(dim=-1), torch.ones(4), atol=1e-6)


def test_an_absent_passage_scores_zero(backbone: Path) -> None:
    scorer = dual(backbone)
    view = look(scorer, batch(scorer), features("scores", "vectors"))
    assert view.scores[2, 2] == 0
    assert not view.vectors["passage"][2, 2].any()


def test_a_projection_stands_before_the_unit_length(backbone: Path) -> None:
    scorer = dual(backbone, projection=5, scale=1.0)
    view = look(scorer, batch(scorer), features("scores", "vectors"))
    assert view.vectors["passage"].shape == (4, 3, 5)
    query_side, passage_side = vector(scorer, QUERIES[0], "query"), vector(scorer, LISTS[0][1], "passage")
    expected = torch.cosine_similarity(scorer.projection(query_side), scorer.projection(passage_side), dim=0)
    assert view.scores[0, 1].item() == pytest.approx(expected.item(), abs=1e-5)


def test_cls_pooling_reads_the_first_state(backbone: Path) -> None:
    scorer = dual(backbone, pooling="cls", normalize=False)
    view = look(scorer, batch(scorer), features("vectors"))
    expected = alone(scorer.towers.query, scorer.tokenisation, QUERIES[1], "query")[0]
    assert torch.allclose(view.vectors["query"][1], expected, atol=1e-5)


def test_markers_and_mask_pieces_are_read_but_markers_are_no_words(backbone: Path) -> None:
    scorer = dual(
        backbone,
        pooling="mean_words",
        normalize=False,
        query_marker="[Q]",
        passage_marker="[D]",
        pad_queries=True,
        close=False,
    )
    view = look(scorer, batch(scorer), features("vectors"))
    states = alone(scorer.towers.query, scorer.tokenisation, QUERIES[0], "query")
    assert len(states) == 16  # [CLS] [ Q ] red fox and eleven [MASK]
    assert torch.allclose(view.vectors["query"][0], states[4:].mean(0), atol=1e-5)
    result = alone(scorer.towers.query, scorer.tokenisation, LISTS[0][1], "passage")
    assert len(result) == 6  # [CLS] [ D ] a dog
    assert torch.allclose(view.vectors["passage"][0, 1], result[4:].mean(0), atol=1e-5)


def test_scores_by_block_are_of_pooled_states_neither_unit_nor_scaled(backbone: Path) -> None:
    scorer = dual(backbone)
    step = batch(scorer, queries_per_pool=2)
    view = look(scorer, step, features("layers", "pool_layers", layers=(0, -1)))
    assert set(view.layers) == set(view.pool_layers) == {0, 2}
    first = dual(backbone, layers=[0], normalize=False, scale=1.0)  # what a backbone cut behind block 0 gives
    whole = dual(backbone, normalize=False, scale=1.0)
    for layer, expected in ((0, first), (2, whole)):
        plain = look(expected, step, features("scores", "pool"))
        assert torch.allclose(view.layers[layer], plain.scores, atol=1e-4)
        assert torch.allclose(view.pool_layers[layer], plain.pool, atol=1e-4)


@pytest.mark.slow
def test_separate_towers_start_equal_and_learn_apart(backbone: Path) -> None:
    scorer = dual(backbone, shared=False)
    assert set(scorer.encoders()) == {"query", "passage"}
    assert torch.equal(*(next(tower.parameters()) for tower in scorer.encoders().values()))
    look(scorer, batch(scorer), features("pool")).pool[0, 0].backward()
    with torch.no_grad():
        for value in scorer.towers.query.parameters():
            value -= value.grad
    assert not torch.equal(*(next(tower.parameters()) for tower in scorer.encoders().values()))
    shared = dual(backbone)
    assert shared.towers.query is shared.towers.passage
    assert len(list(shared.parameters())) * 2 == len(list(scorer.parameters()))


def test_each_side_is_read_by_its_own_tower(backbone: Path) -> None:
    scorer = moved(dual(backbone, shared=False, normalize=False))
    view = look(scorer, batch(scorer), features("vectors"))
    vectors = vector(scorer, LISTS[0][1], "passage")
    assert torch.allclose(view.vectors["query"][0], vector(scorer, QUERIES[0], "query"), atol=1e-4)
    assert torch.allclose(view.vectors["passage"][0, 1], vectors, atol=1e-4)
    by_the_other = alone(scorer.towers.query, scorer.tokenisation, LISTS[0][1], "passage").mean(0)
    assert not torch.allclose(vectors, by_the_other, atol=0.1)


def test_a_gradient_reaches_every_vector_of_the_pool(backbone: Path) -> None:
    scorer = dual(backbone, projection=4)
    look(scorer, batch(scorer), features("pool")).pool.square().sum().backward()
    assert scorer.projection.weight.grad.abs().min() > 0
    assert scorer.towers.query.backbone.get_input_embeddings().weight.grad.abs().sum() > 0


def test_it_offers_all_that_it_shows(backbone: Path) -> None:
    scorer = dual(backbone)
    view = look(scorer, batch(scorer), features(*scorer.offers, layers=(1,)))
    assert view.scores is not None
    assert view.pool is not None
    assert view.attention is not None
    assert (set(view.layers), set(view.pool_layers), set(view.vectors)) == ({1}, {1}, {"query", "passage"})
