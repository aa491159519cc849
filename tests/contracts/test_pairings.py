"""Every loss with every student and teacher that fits it: real scorers, one step, who is moved and who is not."""

import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from retrieval_kd.app.plan import roles
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.scorers.scorer import Scorer
from retrieval_kd.text.run import Run
from tests.contracts.options import names, option
from tests.distil import training
from tests.distil.training import Ground

pytestmark = pytest.mark.slow


def alone(group: str) -> list[str]:
    """The options of a group that stand in no folder: those of paper/ are these with other numbers (test_paper)."""
    return [name for name in names(group) if "/" not in name]


def offers(node: Mapping[str, Any]) -> frozenset[str]:
    """What the scorer of a node offers."""
    module, _, name = str(node["_target_"]).rpartition(".")
    kind: type[Scorer] = getattr(importlib.import_module(module), name)
    return kind.offers


@cache
def needed(loss: str, teacher: str) -> Mapping[str, frozenset[str]] | None:
    """The features that a loss reads of each role, or None where the teacher has not all of its roles."""
    there = option("teacher", teacher)
    config = {"loss": training.loss_node(loss, there), "teacher": there}
    named = {role for _, role in roles.named(config)} - {"student", *roles.echoes(config)}
    if not named <= set(there) or set(there) - named:
        return None
    aim = training.objective(config["loss"], there)
    features_by_role: dict[str, set[str]] = {}
    for role, wants in aim.wants(0).items():
        features_by_role.setdefault(aim.source(role), set()).update(want.feature for want in wants)
    return {role: frozenset(features) for role, features in features_by_role.items()}


def fitting() -> list[Any]:
    """(student, teacher, loss) where every role is there, all of them are read, and what is wanted is offered."""
    triples = []
    for loss in names("loss"):
        for teacher in alone("teacher"):
            wants = needed(loss, teacher)
            for student in alone("student") if wants is not None else []:
                nodes = {"student": option("student", student), **teachers_of(teacher, student)}
                there = nodes["student"].get("passages_of", "student") in nodes
                if there and all(features <= offers(nodes[role]) for role, features in (wants or {}).items()):
                    triples.append(pytest.param(student, teacher, loss, id=f"{student}-{teacher}-{loss}"))
    return triples


@pytest.fixture(scope="module")
def scores(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a score for every candidate and every judged passage of train."""
    path = tmp_path_factory.mktemp("scores") / "scores.trec"
    lists = {name: dict(listed) for name, listed in Run.read(ground.candidates).lists.items()}
    for name, listed in lists.items():
        listed.update(dict.fromkeys(ground.corpus.judgments.relevant(name), 11.0))
    Run.of({name: listed.items() for name, listed in lists.items()}).write(path)
    return path


def teachers_of(teacher: str, student: str) -> dict[str, Any]:
    """A teacher's roles; one that is the student as it began has the student's own node."""
    group = option("teacher", teacher)
    return {role: option("student", student) if node == "${student}" else node for role, node in group.items()}


def on_ground(node: Mapping[str, Any], ground: Ground, scores: Path) -> dict[str, Any]:
    """A scorer's option over the small backbone with its words' attention, or the file of scores."""
    own = {"backbone": str(ground.backbone), "layers": None, "word_attention": True, "file": str(scores)}
    members = {name: on_ground(member, ground, scores) for name, member in node.get("members", {}).items()}
    grounded = {**node, **{key: value for key, value in own.items() if key in node}}
    return {**grounded, "members": members} if members else grounded


@pytest.fixture
def distiller(request: pytest.FixtureRequest, ground: Ground, scores: Path) -> Distiller:
    """The scorers of a triple under its loss."""
    student, teacher, loss = request.param
    teachers = {role: on_ground(node, ground, scores) for role, node in teachers_of(teacher, student).items()}
    made = training.distiller(loss, on_ground(option("student", student), ground, scores), teachers)
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():  # away from a teacher that started from the same weights
        for parameter in made.scorer("student").parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=chance))
    return made


@pytest.mark.parametrize(
    "distiller", [param.values for param in fitting()], ids=[p.id for p in fitting()], indirect=True
)
def test_one_step_moves_exactly_the_parameters_that_a_learner_owns(
    distiller: Distiller, ground: Ground, tmp_path: Path
) -> None:
    distiller.train()
    batch = training.batch(ground, distiller, tmp_path)
    loss = training.loss_of(distiller, batch)
    assert loss.isfinite()
    loss.backward()
    owned = {id(value) for group in distiller.owned().values() for _, value in group}
    reached = {id(value) for value in distiller.parameters() if value.grad is not None}
    assert reached == owned
    assert all(bool(value.grad.isfinite().all()) for value in distiller.parameters() if value.grad is not None)
    for role in distiller.objective.learners:
        gradients = [value.grad for value in distiller.scorer(role).parameters() if value.grad is not None]
        assert torch.stack([gradient.abs().sum() for gradient in gradients]).sum() > 0


def test_every_loss_fits_somebody() -> None:
    assert {param.values[2] for param in fitting()} == set(names("loss"))


def test_every_teacher_and_every_student_fits_some_loss() -> None:
    assert {param.values[0] for param in fitting()} == set(alone("student"))
    assert {param.values[1] for param in fitting()} == set(alone("teacher"))
