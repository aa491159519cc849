"""Whom each guided term moves: exactly what its option says, in whole objectives."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.distil.states import newest
from retrieval_kd.losses.layer_kl import LayerKL
from tests.distil import training
from tests.distil.training import Ground


def made(ground: Ground, loss: str, *, only: tuple[str, ...] = (), kinds: dict[str, str], **student: Any) -> Distiller:
    """An option with some of its terms alone, its teachers by role; student and teachers start apart."""
    node = training.loss_node(loss, kinds)
    terms = {name: {**term, "weight": 1.0} for name, term in node["terms"].items() if not only or name in only}
    own: dict[str, dict[str, Any]] = {"cross": {"word_attention": True}}
    teachers = {
        role: training.scorer_node(ground, kind, **own.get(kind, {"projection": 8})) for role, kind in kinds.items()
    }
    loss_of_it = {**node, "terms": terms, "tied": node["tied"] if "late" in kinds else []}
    distiller = training.distiller(loss_of_it, training.scorer_node(ground, "dual", **student), teachers)
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in distiller.scorer("student").parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=chance))
    return distiller.train()


def moved(distiller: Distiller, ground: Ground, folder: Path, **data: Any) -> dict[str, dict[str, Tensor]]:
    """The gradients of a step by role and parameter, those that are not all zero."""
    training.loss_of(distiller, training.batch(ground, distiller, folder, **data)).backward()
    return {
        role: {
            name: value.grad for name, value in scorer.named_parameters() if value.grad is not None and value.grad.any()
        }
        for role, scorer in distiller.scorers.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "kind"), [("layers", "late"), ("layers", "dual"), ("layers_list", "cross")])
@pytest.mark.parametrize("term", ["kl", "kl_back", "layers"])
def test_layer_distillation_moves_teacher_and_student_by_every_guided_term(
    ground: Ground, tmp_path: Path, loss: str, kind: str, term: str
) -> None:
    distiller = made(ground, loss, only=(term, "contrastive", "teacher_contrastive"), kinds={kind: kind})
    for name in ("contrastive", "teacher_contrastive"):
        distiller.objective.terms[name].weight = 0.0  # who learns is settled; what moves is the one term
    changes = moved(distiller, ground, tmp_path, negatives=3)
    for role in ("student", kind):
        assert {name for name in changes[role] if ".layer.0." in name}, "lower blocks too"


def test_a_layer_term_reads_the_blocks_that_its_scorers_have(ground: Ground, tmp_path: Path) -> None:
    distiller = made(ground, "layers", kinds={"late": "late"}, layers=[1])
    term = distiller.objective.terms["layers"]
    assert isinstance(term, LayerKL)
    assert term.depths == (1, 2)
    assert {len(side) for step in range(0, 100, 10) for side in term.blocks(step)} == {1}
    assert training.loss_of(distiller, training.batch(ground, distiller, tmp_path)).isfinite()


def test_in_the_cascade_the_cross_encoder_moves_the_late_head_and_is_not_moved(ground: Ground, tmp_path: Path) -> None:
    kinds = {"late": "late", "cross": "cross"}
    assert training.objective("cascade", kinds).learners == {"student", "late"}
    assert made(ground, "cascade", kinds=kinds).objective.learners == {"student", "late", "cross"}  # every term on
    one = made(ground, "cascade", only=("cross_kl",), kinds=kinds)
    changes = moved(one, ground, tmp_path, negatives=3)
    assert set(changes["late"]) >= {"projection.weight", "projection.bias"}
    assert changes["cross"] == {}


def test_what_late_teaches_the_dual_does_not_move_the_late_head(ground: Ground, tmp_path: Path) -> None:
    changes = moved(made(ground, "cascade", only=("kl",), kinds={"late": "late"}), ground, tmp_path)
    assert changes["student"] != {}
    assert not {name for name in changes["late"] if name.startswith("projection")}


@pytest.mark.parametrize("loss", ["word_and_sentence", "rank_net"])
def test_a_frozen_cross_encoder_is_moved_by_no_term(ground: Ground, tmp_path: Path, loss: str) -> None:
    changes = moved(made(ground, loss, kinds={"cross": "cross"}), ground, tmp_path, negatives=3)
    assert changes["student"] != {}
    assert changes["cross"] == {}


def test_the_student_that_is_remembered_is_not_moved(ground: Ground, tmp_path: Path) -> None:
    kinds = {"cross": "cross", "previous": "dual"}
    changes = moved(made(ground, "progressive", only=("remember",), kinds=kinds), ground, tmp_path, negatives=3)
    assert changes["student"] != {}
    assert changes["previous"] == {}


def test_agreement_moves_both_readings(ground: Ground, tmp_path: Path) -> None:
    distiller = made(ground, "cascade", only=("agreement",), kinds={}, dropout=0.1)
    batch = training.batch(ground, distiller, tmp_path)
    views = distiller.look(batch, distiller.objective.wants(0))
    loss = distiller.objective(views, batch)["agreement"]
    both = torch.autograd.grad(loss, [views[role].pool for role in ("student", "student_again")])
    assert loss.item() > 0
    assert all(gradient.abs().sum() > 0 for gradient in both)


def test_vectors_of_another_width_are_led_there_by_a_map_that_learns(ground: Ground, tmp_path: Path) -> None:
    distiller = made(ground, "aligned", kinds={"dual": "dual"})
    assert [tuple(value.shape) for _, value in distiller.owned()["terms"]] == [(8, 32), (8,)]
    before = training.weights(distiller)
    training.train(ground, distiller, tmp_path, save_every=2)
    after = training.weights(distiller)
    name = "objective.terms.embedding.map.weight"
    assert not torch.equal(before[name], after[name])
    assert name in torch.load(newest(tmp_path, tell=print), weights_only=True)["state_dict"]
    assert all(torch.equal(before[key], after[key]) for key in before if key.startswith("scorers.dual."))
