"""From config nodes to scorers."""

from pathlib import Path
from typing import Any

import pytest
import torch

from retrieval_kd.app.stages.open_scorers import open_all, open_scorer, open_student, with_form
from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.asymmetric import Asymmetric
from retrieval_kd.scorers.ensemble import Ensemble
from tests.contracts.options import option


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("backbone"), ["red fox"], layers=2, dim=8, heads=2))


@pytest.fixture
def student(backbone: str) -> dict[str, Any]:
    """A query tower of one layer."""
    return {**option("student", "asymmetric"), "backbone": backbone, "layers": [1]}


def scorer(kind: str, backbone: str, **values: Any) -> dict[str, Any]:
    return {**option("scorer", kind), "backbone": backbone, **values}


def ensemble(backbone: str) -> dict[str, Any]:
    node = option("teacher", "ensemble")["ensemble"]
    members = {name: {**member, "backbone": backbone} for name, member in node["members"].items()}
    return {**node, "members": members}


def test_a_student_reads_passages_through_the_very_scorer_of_the_role_that_it_names(
    student: dict[str, Any], backbone: str
) -> None:
    teachers = {"other": scorer("dual", backbone), "dual": scorer("dual", backbone, projection=4)}
    scorers = open_all(student, teachers, tied=(), learners={"student", "dual"}, seed=0)
    assert set(scorers) == {"student", "other", "dual"}
    assert isinstance(scorers["student"], Asymmetric)
    assert scorers["student"].passages is scorers["dual"]


def test_a_head_does_not_depend_on_who_is_opened_first(student: dict[str, Any], backbone: str) -> None:
    teachers = {"dual": scorer("dual", backbone, projection=4)}
    everyone = {"student", "dual"}
    one = open_all(student, teachers, tied=(), learners=everyone, seed=3)["dual"]
    other = open_all(scorer("dual", backbone), teachers, tied=(), learners=everyone, seed=3)["dual"]
    assert all(torch.equal(*pair) for pair in zip(one.head().parameters(), other.head().parameters(), strict=True))


def test_outside_training_a_student_gets_the_tower_that_it_lacks(
    student: dict[str, Any], backbone: str, tmp_path: Path
) -> None:
    teachers = {"dual": scorer("dual", backbone)}
    fresh = open_student(student, teachers, seed=0)
    assert fresh.weights_digest("passage") == open_scorer(teachers["dual"], seed=0).weights_digest("passage")
    fresh.save(tmp_path)
    again = open_student({**student, "checkpoint": str(tmp_path)}, {}, seed=0)
    assert again.weights_digest("passage") == fresh.weights_digest("passage")
    with pytest.raises(UserError, match="there is no such teacher here"):
        open_student(student, {}, seed=0)


def test_the_members_of_an_ensemble_are_opened_with_their_heads(backbone: str, tmp_path: Path) -> None:
    cross = open_scorer(scorer("cross", backbone), seed=5)
    cross.save(tmp_path)
    node = ensemble(backbone)
    node["members"]["cross"]["checkpoint"] = str(tmp_path)
    opened = open_scorer(node, seed=0, trained=True)
    assert isinstance(opened, Ensemble)
    assert list(opened.weights) == ["late", "cross"]
    assert opened.member("cross").weights_digest("pair") == cross.weights_digest("pair")


def test_an_ensemble_with_a_member_that_was_never_trained_is_refused(backbone: str) -> None:
    nodes = {"ensemble": ensemble(backbone)}
    with pytest.raises(UserError, match="has no head of a cross scorer, so its scores would be noise"):
        open_all(scorer("dual", backbone), nodes, tied=(), learners={"student"}, seed=0)


def test_heads_of_members_are_drawn_from_the_seed(backbone: str) -> None:
    drawn = []
    for seed in (0, 0, 1):
        opened = open_scorer(ensemble(backbone), seed=seed)
        assert isinstance(opened, Ensemble)
        drawn.append(torch.cat([value.flatten() for value in opened.member("cross").head().parameters()]))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_a_saved_head_is_read_or_refused_and_never_dropped(backbone: str, tmp_path: Path) -> None:
    saved = open_scorer(scorer("late", backbone, projection=4), seed=5)
    saved.save(tmp_path)
    node = scorer("late", backbone, checkpoint=str(tmp_path))
    assert open_scorer(node, seed=0).weights_digest("query") == saved.weights_digest("query")
    for other in (0, 8):
        with pytest.raises(UserError, match=r"the saved head is .*: give the projection or pooling that it was"):
            open_scorer({**node, "projection": other}, seed=0)
    (tmp_path / "head.safetensors").unlink()
    with pytest.raises(UserError, match="the saved head is not there"):
        open_scorer(node, seed=0)


def test_a_head_that_is_new_to_a_saved_scorer_is_drawn_from_the_seed_and_is_no_trained_one(
    backbone: str, tmp_path: Path
) -> None:
    open_scorer(scorer("dual", backbone), seed=0).save(tmp_path)
    node = scorer("dual", backbone, checkpoint=str(tmp_path), projection=4)
    one, two = (open_scorer(node, seed=seed).weights_digest("query") for seed in (0, 1))
    assert one == open_scorer(node, seed=0).weights_digest("query") != two
    with pytest.raises(UserError, match="has no head of a dual scorer"):
        open_scorer(node, seed=0, trained=True)


def test_what_is_told_of_an_open_scorer_is_its_whole_form(backbone: str) -> None:
    node = ensemble(backbone)
    node["members"]["late"]["scale"] = 3.0
    opened = open_scorer(node, seed=0)
    members = with_form(node, opened)["members"]
    for name in ("late", "cross"):
        assert isinstance(opened, Ensemble)
        assert {key: members[name][key] for key in opened.member(name).form} == opened.member(name).form
    assert (members["late"]["scale"], members["late"]["over"], members["cross"]["pooling"]) == (3.0, "real", "mean")
