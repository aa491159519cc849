"""Trainings that must not depend on the number of processes, and what is noted of each."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.losses.contrastive import contrastive
from retrieval_kd.losses.objective import Objective
from retrieval_kd.losses.term import Term
from retrieval_kd.scorers.view import View, Want
from tests.contracts.options import option
from tests.distil import training
from tests.distil.training import Ground

STEPS = 5


class Blocks(Term):
    """Reads blocks, attention and vectors in one term. Every other step leaves the last block unread."""

    def __init__(self) -> None:
        super().__init__(learner="student", guide="late", weight=1.0, paced=True, detach_guide=False)

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        if step % 2:
            both = frozenset({Want("pool_layers", 0), Want("layers", 0)})
            return {"student": both, "late": both}
        every = frozenset({Want("pool_layers", 0), Want("pool_layers", 1), Want("attention")})
        return {"student": every | {Want("vectors")}, "late": every}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Tensor:
        found = []
        for view in views.values():
            for scores in view.pool_layers.values():
                found.append(contrastive(scores / 8, batch.positive, present=batch.negatives))
            for scores in view.layers.values():
                found.append((scores.masked_fill(~batch.listed, 0.0) / 8).square().mean())
            if view.attention is not None:
                assert view.query_mask is not None
                assert view.passage_mask is not None
                rows = (
                    view.query_mask[:, None, :, None] & view.passage_mask[:, :, None] & batch.present[..., None, None]
                )
                found.append((view.attention.masked_fill(~rows, 0.0) ** 2).sum() / rows.sum())
            if view.vectors:
                apart = view.vectors["query"][:, None] - view.vectors["passage"]
                found.append(apart.square().sum(-1)[batch.present].mean())
        return torch.stack(found).sum()


class Noting(Distiller):
    """Notes the views and the gradient of its first steps."""

    noted: dict[str, Any]

    def look(self, batch: Candidates, wants: Any) -> dict[str, View]:
        views = super().look(batch, wants)
        tensors: list[Tensor] = []
        for role in sorted(views):
            views[role].map(lambda tensor: tensors.append(tensor.detach().clone()) or tensor)
        self.__dict__.setdefault("noted", {}).setdefault("views", []).append(tensors)
        return views

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        found = {name: value.grad.clone() for name, value in self.named_parameters() if value.grad is not None}
        self.noted.setdefault("gradients", []).append(found)


def late_learns() -> Objective:
    """Both roles learn from what `Blocks` reads; late has an encoder of its own."""
    judged = training.objective("self_otf", {}).terms["late_contrastive"]
    assert isinstance(judged, Term)
    return Objective({"blocks": Blocks(), "late": judged})


def drawn_anew() -> Objective:
    """Layer distillation with one pair of blocks, another one at every step, and what guides say shuffled."""
    node = training.loss_node("layers", {"late": {}})
    layers = {**node["terms"]["layers"], "pairs": 1, "every": 1}
    return training.objective({**node, "terms": {**node["terms"], "layers": layers}, "shuffle": 3}, {})


Case = tuple[str | Objective, str, dict[str, Any], dict[str, str], dict[str, Any]]
# loss, student, values of the student, teachers by role, values of the data
CASES: dict[str, Callable[[], Case]] = {
    "tied roles, one pool over all ranks": lambda: ("self_otf", "dual", {}, {"late": "late"}, {}),
    "a frozen teacher, two pools a rank": lambda: (
        "tight_coupling",
        "dual",
        {"shared": False, "projection": 8},
        {"late": "late"},
        {"queries_per_pool": 2},
    ),
    "in-batch pools, one a rank": lambda: ("contrastive", "dual", {}, {}, {"queries_per_pool": 4}),
    "in-batch pools, one over all ranks": lambda: (
        "contrastive",
        "late",
        {"over": "words", "average": False, "scale": 1.0},
        {},
        {"candidates": None, "negatives": 0, "last": 1},
    ),
    "own lists, scores from a file": lambda: ("listwise_kl", "dual", {}, {"stored": "stored"}, {"negatives": 4}),
    "pairs read together": lambda: ("contrastive_list", "cross", {}, {}, {"negatives": 3}),
    "dark examples, read by a cross-encoder": lambda: (
        "listwise_kl",
        "dual",
        {},
        {"cross": "cross"},
        {"negatives": 2, "dark": option("data", "dark")["dark"]},
    ),
    "blocks, attention and vectors": lambda: (late_learns(), "dual", {}, {"late": "late"}, {"negatives": 2}),
    "blocks drawn anew, guides shuffled": lambda: (drawn_anew(), "dual", {}, {"late": "late"}, {"negatives": 2}),
}


def trained(name: str, ground: Ground, folder: Path, *, devices: int) -> dict[str, Any]:
    """Views and gradients of every step, and the weights after five steps of AdamW, in float64 without dropout."""
    loss, student, own, kinds, values = CASES[name]()
    scores = ground.candidates.parent / "scores.trec"
    teachers = {
        role: training.stored_node(scores, missing="drop") if kind == "stored" else training.scorer_node(ground, kind)
        for role, kind in kinds.items()
    }
    optim = training.adamw(steps=STEPS, lr=1e-3, precision="64-true", tokens_per_group=128)
    made = training.distiller(loss, training.scorer_node(ground, student, **own), teachers, optim=optim, kind=Noting)
    values = {"queries_per_step": 8, "last": 9, **values}
    training.train(ground, made, folder, devices=devices, **values)  # metrics go nowhere
    assert isinstance(made, Noting)
    return {**made.noted, "weights": training.weights(made)}
