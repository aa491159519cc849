"""Echoes: the same scorer read again, with fresh dropout on the side that was asked for."""

from pathlib import Path
from typing import Any

import pytest
import torch

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.scorers.view import View, Want
from tests.distil import training
from tests.distil.training import Ground

VECTORS = frozenset({Want("vectors")})


def echoed(ground: Ground, redraw: str, *, dropout: float) -> Distiller:
    """A student, and the student again, that are to agree."""
    agreement: dict[str, Any] = {
        "_target_": "retrieval_kd.losses.agreement.Agreement",
        "learner": "student",
        "guide": "again",
        "over": "pool",
        "detach_guide": False,
        "paced": True,
        "weight": 1.0,
    }
    node = {
        **training.loss_node("contrastive", {}),
        "echoes": {"again": {"of": "student", "redraw": redraw}},
        "terms": {"agree": agreement},
    }
    made = training.distiller(node, training.scorer_node(ground, "dual", dropout=dropout))
    return made.train()


def views(made: Distiller, batch: Candidates) -> tuple[View, View]:
    result = made.look(batch, {"student": VECTORS, "again": VECTORS})
    return result["student"], result["again"]


@pytest.mark.parametrize(
    ("redraw", "fresh"), [("passage", {"passage"}), ("query", {"query"}), ("both", {"query", "passage"})]
)
def test_dropout_is_fresh_on_the_asked_side_alone(ground: Ground, tmp_path: Path, redraw: str, fresh: set[str]) -> None:
    made = echoed(ground, redraw, dropout=0.1)
    first, again = views(made, training.batch(ground, made, tmp_path))
    different = {side for side in ("query", "passage") if not torch.equal(first.vectors[side], again.vectors[side])}
    assert different == fresh


def test_without_dropout_an_echo_is_its_source(ground: Ground, tmp_path: Path) -> None:
    made = echoed(ground, "both", dropout=0.0)
    batch = training.batch(ground, made, tmp_path)
    first, again = views(made, batch)
    torch.testing.assert_close(first.vectors, again.vectors, rtol=1e-6, atol=1e-6)
    assert training.loss_of(made, batch).item() == pytest.approx(0, abs=1e-9)


def test_an_echo_costs_only_what_it_draws_anew(ground: Ground, tmp_path: Path) -> None:
    made = echoed(ground, "passage", dropout=0.1)
    batch = training.batch(ground, made, tmp_path)
    made.look(batch, {"student": VECTORS})
    alone = made.count
    made.look(batch, {"student": VECTORS, "again": VECTORS})
    queries = int(next(iter(batch.texts.values())).query.mask.sum())
    assert alone.real < made.count.real < 2 * alone.real
    assert made.count.real == 2 * alone.real - queries


def test_the_same_step_draws_the_same_dropout_and_another_step_another(ground: Ground, tmp_path: Path) -> None:
    made = echoed(ground, "passage", dropout=0.1)
    batch = training.batch(ground, made, tmp_path)
    (first, _), (second, _) = views(made, batch), views(made, batch)
    assert torch.equal(first.vectors["query"], second.vectors["query"])
    later = training.batch(ground, made, tmp_path, step=1)
    assert not torch.equal(first.vectors["query"], views(made, later)[0].vectors["query"])


def test_an_echo_is_no_scorer_of_its_own(ground: Ground) -> None:
    made = echoed(ground, "passage", dropout=0.1)
    assert set(made.scorers) == {"student"}
    assert made.objective.learners == {"student"}
    assert made.scorer("again") is made.scorer("student")
