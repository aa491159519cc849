"""What every scorer promises, asked of every option in conf/scorer/ as it comes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModel

from retrieval_kd.app.stages.open_scorers import open_scorer
from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.distil.datamodule import ListsDataModule
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.scorer import Scorer
from retrieval_kd.scorers.view import Feature, View, Want
from tests.contracts.options import names
from tests.distil import training
from tests.distil.training import Ground

QUERIES, LISTED = 4, 3  # of a step here: one judged passage and two others a query
# what makes a scorer show all that it can, and have a head of its own, where it has such an argument
FULLEST = {"word_attention": True, "projection": 8}
FIELDS = {name: name for name in get_args(Feature)}


def node(ground: Ground, kind: str) -> dict[str, Any]:
    plain = training.scorer_node(ground, kind)
    return {**plain, **{key: value for key, value in FULLEST.items() if key in plain}}


def made(ground: Ground, kind: str, **values: Any) -> Distiller:
    return training.distiller("contrastive_list", {**node(ground, kind), **values})


def lists(ground: Ground, distiller: Distiller, folder: Path) -> ListsDataModule:
    return training.lists(ground, distiller, folder, queries_per_step=QUERIES, queries_per_pool=2, negatives=2)


def scorer_of(distiller: Distiller) -> Scorer:
    return distiller.scorer("student")


def wanted(features: frozenset[str] | set[str]) -> frozenset[Want]:
    """Each feature; those by layer of the first and the last block."""
    by_layer = {name for name in features if name.endswith("layers")}
    return frozenset([*map(Want, features - by_layer), *(Want(name, layer) for name in by_layer for layer in (0, 1))])


def look(distiller: Distiller, batch: Candidates, wants: frozenset[Want]) -> View:
    distiller.eval()
    with torch.no_grad():
        return distiller.look(batch, {"student": wants})["student"]


def shown(view: View) -> set[str]:
    """The features that a view holds."""
    features = {name: getattr(view, name) for name in FIELDS}
    return {name for name, value in features.items() if value is not None and (isinstance(value, Tensor) or len(value))}


def tensors(view: View) -> list[Tensor]:
    listed: list[Tensor] = []
    view.map(lambda tensor: listed.append(tensor) or tensor)
    return listed


@pytest.fixture(params=names("scorer"))
def distiller(request: pytest.FixtureRequest, ground: Ground) -> Distiller:
    """A scorer as the student of a distiller."""
    return made(ground, request.param)


@pytest.fixture
def batch(distiller: Distiller, ground: Ground, tmp_path: Path) -> Candidates:
    """A step for it."""
    return lists(ground, distiller, tmp_path).collate()(0)


@pytest.mark.parametrize("name", names("scorer"))
def test_a_scorer_offers_what_views_are_made_of_and_is_named_like_its_option(name: str, ground: Ground) -> None:
    scorer = scorer_of(made(ground, name))
    assert scorer.offers <= set(FIELDS)
    assert "scores" in scorer.offers
    assert scorer.kind == name


@pytest.mark.slow
def test_each_offered_feature_appears_alone_where_it_alone_is_wanted(distiller: Distiller, batch: Candidates) -> None:
    for feature in sorted(scorer_of(distiller).offers):
        view = look(distiller, batch, wanted({feature}))
        assert shown(view) == {feature}
        assert all(bool(tensor.isfinite().all()) for tensor in tensors(view))


def test_features_have_the_axes_of_their_legend(distiller: Distiller, batch: Candidates) -> None:
    view = look(distiller, batch, wanted(scorer_of(distiller).offers))
    own, pool = (QUERIES, LISTED), (QUERIES, 2 * LISTED)
    assert view.scores is not None
    assert view.scores.shape == own
    assert view.pool is None or view.pool.shape == pool
    for by_layer, shape in ((view.layers, own), (view.pool_layers, pool)):
        assert not by_layer or {layer: tensor.shape for layer, tensor in by_layer.items()} == {0: shape, 1: shape}
    if view.attention is not None:
        assert view.query_mask is not None
        assert view.passage_mask is not None
        assert view.attention.shape == (*own, view.query_mask.shape[1], view.passage_mask.shape[2])
        assert view.query_mask.shape[0] == QUERIES
        assert view.passage_mask.shape[:2] == own
        hidden = ~(view.query_mask[:, None, :, None] & view.passage_mask[:, :, None])
        assert bool(view.attention[hidden].eq(0).all())
    if view.vectors:
        assert view.vectors["query"].shape == (QUERIES, 8)
        assert view.vectors["passage"].shape == (*own, 8)


def test_the_own_list_s_scores_are_those_in_the_pool(distiller: Distiller, batch: Candidates) -> None:
    for listed, pooled in (("scores", "pool"), ("layers", "pool_layers")):
        if {listed, pooled} <= scorer_of(distiller).offers:
            apart, together = look(distiller, batch, wanted({listed})), look(distiller, batch, wanted({pooled}))
            pools = tensors(together)
            assert len(tensors(apart)) == len(pools)
            for own, pool in zip(tensors(apart), pools, strict=True):
                torch.testing.assert_close(own, pool.gather(1, batch.own_columns()), rtol=1e-4, atol=1e-4)


def test_scores_outside_training_are_those_of_training(
    distiller: Distiller, batch: Candidates, ground: Ground, tmp_path: Path
) -> None:
    scorer, collate = scorer_of(distiller), lists(ground, distiller, tmp_path).collate()
    assert scorer.tokenisation is not None
    source = collate.sources[scorer.tokenisation]
    queries = source.queries.take(np.repeat(batch.query_id.numpy(), LISTED))
    passages = source.passages.take(batch.passage_id.numpy().reshape(-1))
    outside = inference.pair_scores(scorer, queries, passages, tokens_per_group=200)
    scores = look(distiller, batch, wanted({"scores"})).scores
    assert scores is not None
    np.testing.assert_allclose(outside.reshape(QUERIES, LISTED), scores.numpy(), rtol=1e-4, atol=1e-4)


def test_a_scorer_saved_and_reopened_shows_the_same_view(
    distiller: Distiller, batch: Candidates, ground: Ground, tmp_path: Path
) -> None:
    scorer = scorer_of(distiller)
    with torch.no_grad():
        for parameter in scorer.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    scorer.save(tmp_path / "saved")
    again = made(ground, scorer.kind, checkpoint=str(tmp_path / "saved"))
    wants = wanted(scorer.offers)
    for one, two in zip(tensors(look(distiller, batch, wants)), tensors(look(again, batch, wants)), strict=True):
        assert torch.equal(one, two)
    assert scorer_of(again).tokenisation == scorer.tokenisation


def test_transformers_loads_what_a_scorer_saved(distiller: Distiller, tmp_path: Path) -> None:
    scorer = scorer_of(distiller)
    scorer.save(tmp_path)
    encoder = next(iter(scorer.encoders().values()))
    loaded, unread = AutoModel.from_pretrained(tmp_path, use_safetensors=True, output_loading_info=True)
    assert unread["unexpected_keys"] in ([], set())
    ours = encoder.backbone.state_dict()
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in ours.items())
    assert list(tmp_path.rglob("*.bin")) == []


@pytest.mark.slow
def test_a_head_that_no_checkpoint_has_is_drawn_from_the_seed(ground: Ground) -> None:
    for name in names("scorer"):
        heads = [open_scorer(node(ground, name), seed=seed).head() for seed in (0, 0, 1)]
        states: list[Mapping[str, Tensor]] = [{} if head is None else head.state_dict() for head in heads]
        weights = [key for key, value in states[0].items() if value.dim() > 1]
        assert weights
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
        assert not any(torch.equal(states[0][key], states[2][key]) for key in weights)
