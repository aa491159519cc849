"""Scorers outside training show the same numbers as inside."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import Module

from retrieval_kd.scorers.inference import pair_scores, token_vectors, vectors
from retrieval_kd.scorers.scorer import Scorer
from retrieval_kd.scorers.stored import Stored
from tests.scorers.reading import LISTS, QUERIES, batch, cross, dual, features, late, look, moved, ragged

PASSAGES = [text for listed in LISTS for text in listed]
PAIRED = [query for query, listed in zip(QUERIES, LISTS, strict=True) for _ in listed]


def cross_words(backbone: Path, **values: object) -> Scorer:
    return cross(backbone, word_attention=True, pooling="pooler", scale=2.0, **values)


def late_words(backbone: Path, **values: object) -> Scorer:
    options = {"over": "words", "average": False, "pad_queries": True, "query_marker": "[Q]", "projection": 4}
    return late(backbone, normalize_query=False, **options, **values)


@pytest.mark.parametrize("values", [{}, {"shared": False, "projection": 3, "normalize": False, "query_marker": "[Q]"}])
def test_vectors_are_those_of_the_training_view(backbone: Path, values: dict[str, object]) -> None:
    scorer = moved(dual(backbone, **values))
    view = look(scorer, batch(scorer), features("vectors"))
    query = vectors(scorer, "query", ragged(scorer, QUERIES), tokens_per_group=64)
    passage = vectors(scorer, "passage", ragged(scorer, PASSAGES), tokens_per_group=20)
    assert query.dtype == passage.dtype == np.float32
    assert np.allclose(query, view.vectors["query"].detach(), atol=1e-5)
    assert np.allclose(passage, view.vectors["passage"].detach().flatten(0, 1), atol=1e-5)


def test_token_vectors_are_what_the_late_scores_are_made_of(backbone: Path) -> None:
    scorer = late(backbone, over="words", projection=4)
    scores = look(scorer, batch(scorer), features("scores")).scores.detach()
    query, starts = token_vectors(scorer, "query", ragged(scorer, QUERIES), tokens_per_group=64)
    passage, places = token_vectors(scorer, "passage", ragged(scorer, PASSAGES), tokens_per_group=20)
    assert np.diff(starts).tolist() == [len(text.split()) for text in QUERIES]
    assert np.diff(places).tolist() == [len(text.split()) for text in PASSAGES]
    assert len(query) == starts[-1]
    query_side, passage_side = np.split(query, starts[1:-1]), np.split(passage, places[1:-1])
    for row, column in ((0, 0), (0, 2), (1, 1), (3, 2)):
        best = (query_side[row] @ passage_side[3 * row + column].T).max(axis=1)
        assert scores[row, column].item() == pytest.approx(20 * best.mean(), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("make", [dual, late, late_words, cross, cross_words])
@pytest.mark.parametrize("tokens_per_group", [1, 50, 4096])
def test_pair_scores_are_those_of_the_training_view(
    backbone: Path, make: Callable[..., Scorer], tokens_per_group: int
) -> None:
    scorer = make(backbone)
    expected = look(scorer, batch(scorer), features("scores")).scores.detach().flatten().numpy()
    scores = pair_scores(scorer, ragged(scorer, PAIRED), ragged(scorer, PASSAGES), tokens_per_group=tokens_per_group)
    assert scores.dtype == np.float32
    written = np.array([bool(text) for text in PASSAGES])
    assert np.allclose(scores[written], expected[written], rtol=1e-4, atol=1e-5)
    assert (scores[~written] == 0).all() == (
        make not in (cross, cross_words)
    )  # a pair without a passage's words is read


@pytest.mark.parametrize("make", [dual, late, cross])
def test_dropout_is_off_for_the_while_and_every_part_stays_as_it_was(
    backbone: Path, make: Callable[..., Scorer]
) -> None:
    scorer = make(backbone, dropout=0.5).train()
    still = next(module for module in scorer.modules() if not list(module.children()))
    still.eval()
    before: dict[Module, bool] = {module: module.training for module in scorer.modules()}
    pairs = ragged(scorer, PAIRED), ragged(scorer, PASSAGES)
    first, second = (pair_scores(scorer, *pairs, tokens_per_group=64) for _ in range(2))
    assert np.array_equal(first, second)
    assert {module: module.training for module in scorer.modules()} == before
    assert sorted(set(before.values())) == [False, True]


def test_a_generator_is_not_moved_by_reading(backbone: Path) -> None:
    scorer = dual(backbone, dropout=0.5).train()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    vectors(scorer, "query", ragged(scorer, QUERIES), tokens_per_group=64)
    assert torch.equal(torch.get_rng_state(), before)


def test_texts_that_are_all_empty_give_zeros(backbone: Path) -> None:
    scorer, teacher = dual(backbone, query_marker="[Q]"), late(backbone)
    nothing = ragged(scorer, ["", ""])
    assert vectors(scorer, "query", nothing, tokens_per_group=64).tolist() == [[0.0] * 16] * 2
    tokens, starts = token_vectors(teacher, "passage", nothing, tokens_per_group=64)
    assert tokens.shape == (0, 16)
    assert starts.tolist() == [0, 0, 0]
    assert pair_scores(cross(backbone), nothing, nothing, tokens_per_group=64).tolist() == [0.0, 0.0]


def test_a_scorer_that_reads_no_text_scores_no_pairs(backbone: Path) -> None:
    texts = ragged(dual(backbone), ["a"])
    with pytest.raises(AssertionError, match="a stored scorer reads no text"):
        pair_scores(
            Stored(file="x", layout="trec", given="scores", missing="drop", scale=1.0), texts, texts, tokens_per_group=8
        )
