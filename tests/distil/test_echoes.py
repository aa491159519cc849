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
    distiller = training.distiller(node, training.scorer_node(ground, "dual", dropout=dropout))
    return distiller.train()


def views(distiller: Distiller, batch: Candidates) -> tuple[View, View]:
    result = distiller.look(batch, {"student": VECTORS, "again": VECTORS})
    return result["student"], result["again"]


@pytest.mark.parametrize(
    ("redraw", "fresh"), [("passage", {"passage"}), ("query", {"query"}), ("both", {"query", "passage"})]
)
def test_dropout_is_fresh_on_the_asked_side_alone(ground: Ground, tmp_path: Path, redraw: str, fresh: set[str]) -> None:
    distiller = echoed(ground, redraw, dropout=0.1)
    first, again = views(distiller, training.batch(ground, distiller, tmp_path))
    different = {side for side in ("query", "passage") if not torch.equal(first.vectors[side], again.vectors[side])}
    assert different == fresh


def test_without_dropout_an_echo_is_its_source(ground: Ground, tmp_path: Path) -> None:
    distiller = echoed(ground, "both", dropout=0.0)
    batch = training.batch(ground, distiller, tmp_path)
    first, again = views(distiller, batch)
    torch.testing.assert_close(first.vectors, again.vectors, rtol=1e-6, atol=1e-6)
    assert training.loss_of(distiller, batch).item() == pytest.approx(0, abs=1e-9)


def test_an_echo_costs_only_what_it_draws_anew(ground: Ground, tmp_path: Path) -> None:
    distiller = echoed(ground, "passage", dropout=0.1)
    batch = training.batch(ground, distiller, tmp_path)
    distiller.look(batch, {"student": VECTORS})
    alone = distiller.count
    distiller.look(batch, {"student": VECTORS, "again": VECTORS})
    queries = int(next(iter(batch.texts.values())).query.mask.sum())
    assert alone.real < distiller.count.real < 2 * alone.real
    assert distiller.count.real == 2 * alone.real - queries


def test_the_same_step_draws_the_same_dropout_and_another_step_another(ground: Ground, tmp_path: Path) -> None:
    distiller = echoed(ground, "passage", dropout=0.1)
    batch = training.batch(ground, distiller, tmp_path)
    (first, _), (second, _) = views(distiller, batch), views(distiller, batch)
    assert torch.equal(first.vectors["query"], second.vectors["query"])
    later = training.batch(ground, distiller, tmp_path, step=1)
    assert not torch.equal(first.vectors["query"], views(distiller, later)[0].vectors["query"])


def test_an_echo_is_no_scorer_of_its_own(ground: Ground) -> None:
    distiller = echoed(ground, "passage", dropout=0.1)
    assert set(distiller.scorers) == {"student"}
    assert distiller.objective.learners == {"student"}
    assert distiller.scorer("again") is distiller.scorer("student")
