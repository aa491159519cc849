"""Late interaction."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from retrieval_kd.encoders.reading import tell_once
from retrieval_kd.encoders.unpadded import EncodeOptions, Request, run
from retrieval_kd.scorers.late import Late
from retrieval_kd.scorers.scorer import Scorer
from tests.scorers.reading import LISTS, QUERIES, alone, batch, dual, features, late, look, moved


def tokens(scorer: Late, text: str, kind: str) -> Tensor:
    """By the bare backbone: every framed token's state."""
    assert scorer.tokenisation is not None
    return alone(scorer.encoder_of(kind), scorer.tokenisation, text, kind)


def test_the_default_score_is_the_scaled_average_of_the_best_cosines(backbone: Path) -> None:
    scorer = late(backbone, scale=5.0)
    view = look(scorer, batch(scorer), features("scores", "pool"))
    query, passage = (normalize(tokens(scorer, text, kind), dim=-1) for text, kind in _sides(1, 0))
    expected = 5 * (query @ passage.T).amax(1).mean()
    assert view.scores[1, 0].item() == pytest.approx(expected.item(), abs=1e-4)
    assert view.pool.shape == (4, 12)
    assert view.scores.max() <= 5 + 1e-5


def _sides(query: int, candidate: int) -> list[tuple[str, str]]:
    return [(QUERIES[query], "query"), (LISTS[query][candidate], "passage")]


def test_a_sum_of_raw_products_where_that_is_asked_for(backbone: Path) -> None:
    scorer = late(backbone, normalize_query=False, normalize_passage=False, average=False, scale=1.0)
    view = look(scorer, batch(scorer), features("scores"))
    query, passage = (tokens(scorer, text, kind) for text, kind in _sides(3, 0))
    assert view.scores[3, 0].item() == pytest.approx((query @ passage.T).amax(1).sum().item(), rel=1e-4)


def test_one_side_alone_may_be_unit_and_projected(backbone: Path) -> None:
    """TCT-ColBERT's teacher: passage tokens of unit length, query tokens as they are."""
    scorer = late(backbone, normalize_query=False, average=False, scale=1.0, projection=4)
    view = look(scorer, batch(scorer), features("scores"))
    query, passage = (scorer.projection(tokens(scorer, text, kind)) for text, kind in _sides(0, 1))
    expected = (query @ normalize(passage, dim=-1).T).amax(1).sum()
    assert view.scores[0, 1].item() == pytest.approx(expected.item(), rel=1e-4)


def test_over_words_neither_special_tokens_nor_markers_take_part(backbone: Path) -> None:
    plain = {"normalize_query": False, "normalize_passage": False, "average": False, "scale": 1.0}
    scorer = late(backbone, over="words", query_marker="[Q]", passage_marker="[D]", pad_queries=True, **plain)
    view = look(scorer, batch(scorer), features("scores"))
    query, passage = (tokens(scorer, text, kind) for text, kind in _sides(0, 1))
    assert len(passage) == 1 + 3 + 2 + 1  # [CLS] [ D ] a dog [SEP]
    assert len(query) == 16
    taking_part = torch.cat([query[4:6], query[7:]])  # red fox and nine [MASK] behind [SEP], against a dog
    expected = (taking_part @ passage[4:-1].T).amax(1).sum()
    assert view.scores[0, 1].item() == pytest.approx(expected.item(), rel=1e-4)


def test_an_average_is_over_the_query_tokens_that_take_part(backbone: Path) -> None:
    summed = late(backbone, over="words", average=False, scale=1.0)
    averaged = late(backbone, over="words", average=True, scale=1.0)
    wants = features("scores", "pool")
    one, other = (look(scorer, batch(scorer), wants) for scorer in (summed, averaged))
    words = torch.tensor([[len(text.split())] for text in QUERIES])
    assert torch.allclose(one.scores, other.scores * words, atol=1e-5)
    assert torch.allclose(one.pool, other.pool * words, atol=1e-5)


def test_one_token_a_side_makes_it_a_dual_encoder(backbone: Path) -> None:
    short = {"queries": ["fox", "dog"], "lists": [["cat", "it"], ["fox", "day"]], "queries_per_pool": 2}
    one = late(backbone, over="words", scale=3.0)
    other = dual(backbone, pooling="mean_words", scale=3.0)
    wants = features("scores", "pool")
    mine, theirs = (look(scorer, batch(scorer, **short), wants) for scorer in (one, other))
    assert torch.allclose(mine.scores, theirs.scores, atol=1e-5)
    assert torch.allclose(mine.pool, theirs.pool, atol=1e-5)


@pytest.mark.parametrize("queries_per_pool", [1, 2, 4])
def test_the_own_list_is_the_own_columns_of_the_pool(backbone: Path, queries_per_pool: int) -> None:
    scorer = late(backbone)
    step = batch(scorer, queries_per_pool=queries_per_pool)
    both, list_alone = look(scorer, step, features("scores", "pool")), look(scorer, step, features("scores"))
    assert both.pool.shape == (4, 3 * queries_per_pool)
    for query, (own, pool) in enumerate(zip(both.scores, both.pool, strict=True)):
        first = 3 * (query % queries_per_pool)
        assert torch.equal(own, pool[first : first + 3])
    assert list_alone.pool is None
    assert torch.allclose(list_alone.scores, both.scores, atol=1e-5)


def test_an_absent_passage_scores_zero(backbone: Path) -> None:
    scorer = late(backbone)
    assert look(scorer, batch(scorer), features("scores")).scores[2, 2] == 0


@pytest.mark.parametrize("tokens_per_group", [1, 30, 4096])
def test_how_texts_were_grouped_changes_nothing(backbone: Path, tokens_per_group: int) -> None:
    scorer = late(backbone)
    step, wants = batch(scorer), features("pool", "attention")
    one, other = look(scorer, step, wants, tokens_per_group=tokens_per_group), look(scorer, step, wants)
    assert torch.allclose(one.pool, other.pool, atol=1e-4)
    assert torch.allclose(one.attention, other.attention, atol=1e-5)


def test_scores_by_block_are_max_sim_of_plain_states(backbone: Path) -> None:
    scorer = late(backbone, projection=4)
    step = batch(scorer, queries_per_pool=2)
    view = look(scorer, step, features("layers", "pool_layers", layers=(0, -1)))
    plain = {"normalize_query": False, "normalize_passage": False, "average": False, "scale": 1.0}
    for layer, expected in ((0, late(backbone, layers=[0], **plain)), (2, late(backbone, **plain))):
        theirs = look(expected, step, features("scores", "pool"))
        assert torch.allclose(view.layers[layer], theirs.scores, rtol=1e-4, atol=1e-4)
        assert torch.allclose(view.pool_layers[layer], theirs.pool, rtol=1e-4, atol=1e-4)


def test_each_side_is_read_by_its_own_tower(backbone: Path) -> None:
    scorer = moved(late(backbone, shared=False, scale=1.0))
    view = look(scorer, batch(scorer), features("scores"))
    query, passage = (normalize(tokens(scorer, text, kind), dim=-1) for text, kind in _sides(1, 0))
    assert view.scores[1, 0].item() == pytest.approx((query @ passage.T).amax(1).mean().item(), abs=1e-4)
    other = normalize(alone(scorer.towers.query, scorer.tokenisation, LISTS[1][0], "passage"), dim=-1)
    assert abs(view.scores[1, 0].item() - (query @ other.T).amax(1).mean().item()) > 0.05


def test_a_gradient_reaches_encoder_and_projection(backbone: Path) -> None:
    scorer = late(backbone, projection=4)
    look(scorer, batch(scorer), features("pool")).pool.square().sum().backward()
    assert scorer.projection.weight.grad.abs().min() > 0
    assert scorer.towers.query.backbone.get_input_embeddings().weight.grad.abs().sum() > 0


def test_tied_scorers_read_each_text_once(backbone: Path) -> None:
    student = dual(backbone)
    teacher = late(backbone, projection=4, towers=student.towers)
    step, wants = batch(student, teacher), features("pool")

    def requests(scorer: Scorer) -> dict[tuple[str, str], Request]:
        return {
            (scorer.kind, kind): Request(reading, lambda encoded, kind=kind: scorer.project(encoded, kind, wants))
            for kind, reading in scorer.readings(step).items()
        }

    _, alone = run(requests(student), EncodeOptions())
    projected, both = run(requests(student) | requests(teacher), EncodeOptions())
    assert both == alone
    assert set(projected["dual", "query"]) == {"vector"}
    assert projected["late", "query"]["tokens"].shape[-1] == 4


def test_it_offers_all_that_it_shows(backbone: Path) -> None:
    scorer = late(backbone)
    view = look(scorer, batch(scorer), features(*scorer.offers, layers=(1,)))
    assert view.scores is not None
    assert view.pool is not None
    assert view.attention is not None
    assert (set(view.layers), set(view.pool_layers), dict(view.vectors)) == ({1}, {1}, {})


def test_a_word_to_skip_that_the_vocabulary_has_not_is_named(backbone: Path, caplog: pytest.LogCaptureFixture) -> None:
    tell_once.cache_clear()
    assert len(late(backbone, skip="fox unheard-of").skipped) == 1
    assert "has no word unheard-of, so none is skipped" in caplog.text
