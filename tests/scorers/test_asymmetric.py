"""A small query tower over another scorer's passages."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.encoders.weights import digest
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.asymmetric import Asymmetric
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.scorers.inference import pair_scores
from retrieval_kd.scorers.scorer import Size
from tests.scorers.reading import LISTS, QUERIES, READ, WORDS, alone, batch, dual, features, late, look, moved, ragged

TOWER = {
    **READ,
    "pooling": "mean",
    "projection": False,
    "normalize": True,
    "scale": 20.0,
    "query_length": 16,
    "query_marker": None,
    "pad_queries": False,
    "marker_at": None,
    "close": True,
    "passages_of": "dual",
}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone of half the components."""
    return write_tiny(tmp_path_factory.mktemp("narrow"), WORDS, layers=2, dim=8, heads=2, seed=4)


def asymmetric(backbone: Path, passages: Dual | None, **options: Any) -> Asymmetric:
    return moved_tower(Asymmetric(**{**TOWER, "backbone": str(backbone), "passages": passages, **options})).eval()


def moved_tower(scorer: Asymmetric) -> Asymmetric:
    """Away from the backbone: its own parameters, and no other."""
    chance = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for _, value in scorer.own():
            value += 0.3 * torch.randn(value.shape, generator=chance)
    return scorer


def scores(scorer: Asymmetric) -> torch.Tensor:
    result = look(scorer, batch(scorer), features("scores")).scores
    assert result is not None
    return result.detach()


def test_its_own_tower_reads_the_query_and_the_others_reads_the_passage(backbone: Path) -> None:
    passages = moved(dual(backbone))
    scorer = asymmetric(backbone, passages, layers=[0, 2], scale=3.0)
    view = look(scorer, batch(scorer), features("scores", "pool", "vectors"))
    asked = normalize(alone(scorer.tower, scorer.tokenisation, QUERIES[1], "query").mean(0), dim=-1)
    vectors = look(passages, batch(passages), features("vectors")).vectors["passage"]
    assert torch.allclose(view.vectors["query"][1], asked, atol=1e-5)
    assert torch.equal(view.vectors["passage"], vectors)
    assert torch.allclose(view.scores[1], 3 * vectors[1] @ asked, atol=1e-4)
    assert torch.equal(view.scores[1], view.pool[1, 3:6])
    assert scorer.tower.kept_layers == [0, 2]


def test_the_own_list_alone_is_that_of_the_pool(backbone: Path) -> None:
    scorer = asymmetric(backbone, moved(dual(backbone)))
    both = look(scorer, batch(scorer, queries_per_pool=2), features("scores", "pool"))
    assert torch.allclose(scores(scorer), both.scores, atol=1e-5)
    assert both.pool.shape == (4, 6)


def test_where_widths_differ_the_query_is_mapped_to_the_passages_width(backbone: Path, narrow: Path) -> None:
    scorer = asymmetric(narrow, dual(backbone))
    view = look(scorer, batch(scorer), features("vectors"))
    pooled = alone(scorer.tower, scorer.tokenisation, QUERIES[0], "query").mean(0)
    assert view.vectors["query"].shape == (4, 16)
    assert torch.allclose(view.vectors["query"][0], normalize(scorer.projection(pooled), dim=-1), atol=1e-5)
    assert (scorer.size, asymmetric(narrow, dual(backbone, projection=5)).size) == (Size(3, 16), Size(3, 5))


def test_where_widths_agree_there_is_a_map_only_if_asked(backbone: Path) -> None:
    passages = dual(backbone)
    assert list(asymmetric(backbone, passages).head().parameters()) == []
    assert [list(value.shape) for value in asymmetric(backbone, passages, projection=True).head().parameters()] == [
        [16, 16],
        [16],
    ]


def test_texts_are_written_once_where_both_towers_want_them_alike(backbone: Path) -> None:
    passages = dual(backbone, passage_marker="[D]", passage_length=9)
    same = asymmetric(backbone, passages)
    assert same.tokenisations() == (passages.tokenisation,)
    shorter = asymmetric(backbone, passages, query_length=5)
    assert [form.query_length for form in shorter.tokenisations()] == [5, 16]
    assert shorter.written("passage") == passages.tokenisation


def test_the_passages_scorer_is_no_parameter_of_its_own(backbone: Path, narrow: Path) -> None:
    scorer = asymmetric(narrow, dual(backbone))
    assert {name.split(".")[0] for name, _ in scorer.own()} == {"tower", "projection"}
    of_passages = {id(value) for value in scorer.passages.parameters()}
    assert not of_passages & {id(value) for _, value in scorer.own()}


def test_passages_are_moved_only_where_their_owner_is(backbone: Path) -> None:
    scorer = asymmetric(backbone, dual(backbone))
    assert scorer.learning("query")
    assert scorer.learning("passage")
    scorer.passages.requires_grad_(False)
    assert scorer.learning("query")
    assert not scorer.learning("passage")
    assert look(scorer, batch(scorer), features("vectors")).vectors["passage"].requires_grad is False


def test_a_gradient_reaches_both_towers(backbone: Path) -> None:
    scorer = asymmetric(backbone, dual(backbone))
    look(scorer, batch(scorer), features("pool")).pool.square().sum().backward()
    for tower in scorer.encoders().values():
        assert tower.backbone.get_input_embeddings().weight.grad.abs().sum() > 0


def test_training_mode_is_its_own_parts_and_eval_mode_the_wholes(backbone: Path) -> None:
    scorer = asymmetric(backbone, dual(backbone, dropout=0.5), dropout=0.5)
    scorer.train()
    assert scorer.tower.training
    assert not any(part.training for part in scorer.passages.modules())
    scorer.passages.train()
    scorer.train()
    assert scorer.passages.training
    scorer.eval()
    assert not any(part.training for part in scorer.modules())


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{}, {"shared": False}, {"projection": 5}, {"pooling": "cls", "normalize": False, "passage_marker": "[D]"}],
)
def test_saved_whole_it_is_opened_from_its_folder_alone(
    backbone: Path, narrow: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    passages = moved(dual(backbone, **options))
    scorer = asymmetric(narrow, passages, dropout=0.1)
    scorer.save(tmp_path / "saved")
    again = Asymmetric(**{**TOWER, "backbone": "/nowhere", "checkpoint": str(tmp_path / "saved")})
    assert again.load_head(tmp_path / "saved")
    again.eval()
    assert torch.allclose(scores(again), scores(scorer), atol=1e-5)
    assert again.tokenisations() == scorer.tokenisations()
    digests = {one.weights_digest("passage") for one in (passages, scorer, again)}
    assert digests == {passages.weights_digest("passage")}
    assert again.weights_digest("query") == scorer.weights_digest("query") != passages.weights_digest("query")


def test_what_it_saved_is_what_transformers_and_a_dual_scorer_load(backbone: Path, tmp_path: Path) -> None:
    from transformers import AutoModel

    passages = moved(dual(backbone))
    scorer = asymmetric(backbone, passages)
    scorer.save(tmp_path)
    for folder, encoder in ((tmp_path, scorer.tower), (tmp_path / "passages", passages.towers.passage)):
        loaded = AutoModel.from_pretrained(folder).state_dict()
        assert all(torch.equal(value, loaded[name]) for name, value in encoder.backbone.state_dict().items())
    alone_again = dual(tmp_path / "passages")
    assert alone_again.weights_digest("passage") == passages.weights_digest("passage")


def test_the_digest_of_a_saved_one_covers_the_passages_tower(backbone: Path, tmp_path: Path) -> None:
    for name, passages in (("one", dual(backbone)), ("other", moved(dual(backbone)))):
        asymmetric(backbone, passages).save(tmp_path / name)
    assert digest(str(tmp_path / "one")) != digest(str(tmp_path / "other"))


def test_a_saved_tower_goes_on_over_the_passages_that_it_is_given(backbone: Path, tmp_path: Path) -> None:
    asymmetric(backbone, dual(backbone)).save(tmp_path)
    better = moved(dual(backbone))
    again = Asymmetric(**{**TOWER, "backbone": "/nowhere", "checkpoint": str(tmp_path), "passages": better})
    assert again.passages is better


def test_outside_training_it_scores_as_in_training(backbone: Path, narrow: Path) -> None:
    scorer = asymmetric(narrow, dual(backbone, pad_queries=True), query_marker="[Q]")
    pairs = [(query, text) for query, listed in zip(QUERIES, LISTS, strict=True) for text in listed]
    queries, passages = (ragged(scorer, list(side)) for side in zip(*pairs, strict=True))
    result = pair_scores(scorer, queries, passages, tokens_per_group=40)
    assert torch.allclose(torch.from_numpy(result), scores(scorer).flatten(), atol=1e-4)


def test_what_brings_no_passages_is_refused(backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="passages_of=dual: there is no such teacher here; choose teacher=dual, or give"
    ):
        Asymmetric(**{**TOWER, "backbone": str(backbone)})
    with pytest.raises(UserError, match="passages_of=late: that is a late scorer; name a role with a dual encoder"):
        Asymmetric(**{**TOWER, "backbone": str(backbone), "passages_of": "late", "passages": late(backbone)})
    dual(backbone, projection=5).save(tmp_path)
    with pytest.raises(UserError, match="no asymmetric scorer was saved there, so it holds no passage tower"):
        Asymmetric(**{**TOWER, "backbone": "x", "checkpoint": str(tmp_path), "passages": dual(backbone)})
    fresh = Asymmetric(**{**TOWER, "backbone": str(tmp_path), "passages": dual(backbone), "projection": True})
    assert not fresh.load_head(tmp_path)  # a dual scorer's projection is none of its query tower's
