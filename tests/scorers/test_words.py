"""Word-level relations, compared between scorers of different layout."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from retrieval_kd.scorers.scorer import Scorer
from retrieval_kd.scorers.view import View
from retrieval_kd.scorers.words import compact, word_places
from tests.scorers.reading import LISTS, QUERIES, alone, batch, cross, dual, features, late, look


def attentive(backbone: Path) -> Scorer:
    return cross(backbone, word_attention=True)


def attention(scorer: Scorer, **options: object) -> View:
    return look(scorer, batch(scorer, **options), features("attention"))


def test_words_are_moved_to_the_front_in_their_order() -> None:
    word = torch.tensor([[False, True, False, True], [False, False, False, False], [True, True, True, False]])
    places, real = word_places(word)
    assert real.tolist() == [[True, True, False], [False, False, False], [True, True, True]]
    assert places[0, :2].tolist() == [1, 3]
    assert places[2].tolist() == [0, 1, 2]
    states = torch.tensor([[10.0, 11.0, 12.0, 13.0], [20.0, 21.0, 22.0, 23.0], [30.0, 31.0, 32.0, 33.0]])[..., None]
    moved, counted = compact(states, word)
    assert moved[..., 0].tolist() == [[11.0, 13.0, 0.0], [0.0, 0.0, 0.0], [30.0, 31.0, 32.0]]
    assert torch.equal(counted, real)


@pytest.mark.parametrize("make", [dual, late, attentive])
def test_every_real_row_shares_one_among_the_words_of_its_passage(
    backbone: Path, make: Callable[[Path], Scorer]
) -> None:
    view = attention(make(backbone))
    rows = view.query_mask[:, None] & view.passage_mask.any(-1)[..., None]
    inside = view.attention.masked_fill(~view.passage_mask[:, :, None], 0.0)
    assert torch.allclose(inside.sum(-1)[rows], torch.ones(int(rows.sum())), atol=1e-5)
    assert (view.attention >= 0).all()
    outside = view.attention.masked_fill(view.passage_mask[:, :, None], 0.0)[rows]
    assert not outside.any()


@pytest.mark.parametrize("make", [dual, late, attentive])
def test_masks_count_the_words_of_both_sides(backbone: Path, make: Callable[[Path], Scorer]) -> None:
    view = attention(make(backbone))
    assert view.query_mask.sum(-1).tolist() == [len(text.split()) for text in QUERIES]
    assert view.passage_mask.sum(-1).tolist() == [[len(text.split()) for text in listed] for listed in LISTS]
    assert view.attention.shape == (*view.passage_mask.shape[:2], view.query_mask.shape[1], view.passage_mask.shape[2])


def test_a_dual_encoders_rows_are_a_softmax_of_its_states_products(backbone: Path) -> None:
    scorer = dual(backbone)
    query = alone(scorer.towers.query, scorer.tokenisation, QUERIES[0], "query")[1:-1]
    passage = alone(scorer.towers.query, scorer.tokenisation, LISTS[0][0], "passage")[1:-1]
    expected = (query @ passage.T / 4).softmax(-1)  # 16 components
    assert torch.allclose(attention(scorer).attention[0, 0, :2, :3], expected, atol=1e-5)


def test_rows_and_columns_of_dual_and_cross_stand_for_the_same_words(backbone: Path) -> None:
    one, other = attention(dual(backbone)), attention(attentive(backbone))
    assert torch.equal(one.query_mask, other.query_mask)
    assert torch.equal(one.passage_mask, other.passage_mask)


@pytest.mark.parametrize("make", [dual, attentive])
def test_exchanging_words_of_a_passage_exchanges_its_columns(backbone: Path, make: Callable[[Path], Scorer]) -> None:
    """With positions taken out of the embeddings, a word's share follows the word."""
    scorer = make(backbone)
    with torch.no_grad():
        scorer.encoder_of("query").backbone.embeddings.position_embeddings.weight.zero_()
    lists = [["fox ran home", "home fox ran"]]
    rows = attention(scorer, queries=["the dog"], lists=lists, queries_per_pool=1).attention[0]
    assert torch.allclose(rows[0], rows[1][:, [1, 2, 0]], atol=1e-5)
    assert not torch.allclose(rows[0], rows[1], atol=1e-5)


def test_markers_are_no_words_of_either_side(backbone: Path) -> None:
    marked = dual(backbone, query_marker="[Q]", passage_marker="[D]")
    view = attention(marked)
    assert view.query_mask.sum(-1).tolist() == [len(text.split()) for text in QUERIES]
    assert view.passage_mask.sum(-1).tolist() == [[len(text.split()) for text in listed] for listed in LISTS]
