"""The step: its loss, its pools, its batches."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.scorers.view import Want
from tests.distil import training
from tests.distil.training import Ground


def test_the_loss_is_the_sum_of_weighted_terms(ground: Ground, tmp_path: Path) -> None:
    weights = {"student_contrastive": 0.5, "late_contrastive": 2.0, "kl": 3.0}
    node = training.loss_node("self_otf", {})
    terms = {name: {**term, "weight": weights[name]} for name, term in node["terms"].items()}
    teachers = {"late": training.scorer_node(ground, "late")}
    distiller = training.distiller({**node, "terms": terms}, training.scorer_node(ground, "dual"), teachers).eval()
    batch = training.batch(ground, distiller, tmp_path)
    views = distiller.look(batch, distiller.objective.wants(batch.step))
    unweighted = {name: term(views, batch).item() for name, term in distiller.objective.terms.items()}
    assert min(unweighted.values()) > 0
    expected = sum(weights[name] * unweighted[name] for name in weights)
    assert training.loss_of(distiller, batch).item() == pytest.approx(expected, rel=1e-5)


def test_the_contrastive_loss_of_a_step_is_the_cross_entropy_of_its_pool(ground: Ground, tmp_path: Path) -> None:
    distiller = training.distiller("contrastive", training.scorer_node(ground, "dual")).eval()
    batch = training.batch(ground, distiller, tmp_path)
    scores = distiller.look(batch, {"student": frozenset({Want("pool")})})["student"].pool
    assert scores is not None
    assert scores.shape == (4, 8)
    assert batch.positive.tolist() == [0, 2, 4, 6]
    others_positive = batch.known_positives.clone()
    others_positive[torch.arange(4), batch.positive] = False
    expected = cross_entropy(scores.masked_fill(others_positive, -torch.inf), batch.positive)
    assert training.loss_of(distiller, batch).item() == pytest.approx(expected.item(), rel=1e-6)


def half(batch: Candidates, queries: slice) -> Candidates:
    """Some queries of a step of several pools, as a step of their own."""
    small = {
        name: value[queries]
        for name, value in vars(batch).items()
        if isinstance(value, Tensor) and len(value) == len(batch.present)
    }
    local = len(range(*queries.indices(len(batch.present))))
    texts = {}
    for form, of in batch.texts.items():
        assert of.query is not None
        texts[form] = type(of)(
            type(of.query)(*(part[queries] for part in vars(of.query).values())),
            type(of.passage)(*(part[queries] for part in vars(of.passage).values())),
        )
    return replace(batch, **small, texts=texts, local=local)


@pytest.mark.parametrize("loss", ["contrastive", "self_otf"])
def test_a_step_of_two_pools_is_the_mean_of_two_steps_of_one(ground: Ground, tmp_path: Path, loss: str) -> None:
    teachers = {"late": training.scorer_node(ground, "late")} if loss == "self_otf" else {}
    distiller = training.distiller(loss, training.scorer_node(ground, "dual"), teachers).eval()
    batch = training.batch(ground, distiller, tmp_path, queries_per_step=8, queries_per_pool=4)
    assert batch.known_positives.shape == (8, 8)
    whole = training.loss_of(distiller, batch).item()
    halves = [training.loss_of(distiller, half(batch, part)).item() for part in (slice(0, 4), slice(4, 8))]
    assert whole == pytest.approx(sum(halves) / 2, rel=1e-5)
    one_pool = training.batch(ground, distiller, tmp_path, queries_per_step=8)
    assert one_pool.known_positives.shape == (8, 16)
    assert training.loss_of(distiller, one_pool).item() > whole


def test_running_in_small_groups_with_recomputation_gives_the_direct_gradient(ground: Ground, tmp_path: Path) -> None:
    def gradients(**optim: object) -> list[Tensor]:
        student = training.scorer_node(ground, "dual", dropout=0.1)
        teachers = {"late": training.scorer_node(ground, "late")}
        distiller = training.distiller("self_otf", student, teachers, optim=training.adamw(**optim)).train()
        training.loss_of(distiller, training.batch(ground, distiller, tmp_path)).backward()
        return [value.grad for value in distiller.parameters() if value.grad is not None]

    direct, again = gradients(tokens_per_group=64), gradients(tokens_per_group=64, recompute=True)
    for one, two in zip(direct, again, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-9)


def test_a_role_that_nobody_wants_in_a_step_is_not_run(ground: Ground, tmp_path: Path) -> None:
    distiller = training.distiller(
        "tight_coupling", training.scorer_node(ground, "dual"), {"late": training.scorer_node(ground, "late")}
    ).eval()
    batch = training.batch(ground, distiller, tmp_path)
    distiller.look(batch, {"student": frozenset({Want("scores")})})
    alone = distiller.count
    distiller.look(batch, {role: frozenset({Want("scores")}) for role in ("student", "late")})
    assert distiller.count.real == 2 * alone.real


def test_tied_roles_encode_a_text_once(ground: Ground, tmp_path: Path) -> None:
    distiller = training.distiller(
        "self_otf", training.scorer_node(ground, "dual"), {"late": training.scorer_node(ground, "late")}
    ).eval()
    batch = training.batch(ground, distiller, tmp_path)
    distiller.look(batch, {"student": frozenset({Want("scores")})})
    alone = distiller.count
    distiller.look(batch, {role: frozenset({Want("scores")}) for role in ("student", "late")})
    assert distiller.count == alone
