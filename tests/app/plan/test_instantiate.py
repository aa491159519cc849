"""The one place where config becomes objects."""

from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.cli.user_errors import MENDABLE
from retrieval_kd.app.main import run
from retrieval_kd.app.plan.instantiate import build, class_of, classes, forbidden, targets
from retrieval_kd.errors import UserError
from retrieval_kd.text.beir import Beir

BEIR = {"_target_": "retrieval_kd.text.beir.Beir", "path": "somewhere", "drop_same_id": False, "seed": 3}


def test_a_node_becomes_what_it_describes() -> None:
    built = build(BEIR, "corpus")
    assert isinstance(built, Beir)
    assert built.seed == 3


def test_what_is_given_is_an_argument_too() -> None:
    assert build(BEIR, "corpus", dev_fraction=0.25).dev_fraction == 0.25


def test_a_part_of_the_arguments_may_be_given_later() -> None:
    assert build(BEIR, "corpus", partial=True)(dev_fraction=0.25).dev_fraction == 0.25


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.open",
        "torch.load",
        "torch.optim.SGD",
        "retrieval_kd.app.execute.artifacts.discard",  # a function of this package that deletes
        "retrieval_kd.app.plan.instantiate.instantiate",  # what a module imported
        "retrieval_kd.ranking.mining.Hard",  # a class of another group
        "retrieval_kd.text.beir.Beir.open",
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        lambda node: node,
        lambda node: {**BEIR, "path": node},
        lambda node: {**BEIR, "path": [0.9, [node]]},
        lambda node: {"x": {"y": [{"z": node}]}},
    ],
)
def test_a_class_that_no_option_of_the_group_names_is_built_nowhere_in_a_node(target: str, around: Any) -> None:
    with pytest.raises(
        UserError, match=r"give a class that an option of corpus names: retrieval_kd\.text\.auto\.source\.Auto, "
    ):
        build(around({"_target_": target, "path": "x"}), "corpus")


@pytest.mark.parametrize("key", ["_partial_", "_args_", "_recursive_", "_convert_"])
def test_hydras_other_keys_are_refused(key: str) -> None:
    with pytest.raises(UserError, match=f"leave {key} out"):
        build({**BEIR, key: ["x"]}, "corpus")


def test_a_group_names_what_its_option_files_name() -> None:
    assert classes("mining") == {f"retrieval_kd.ranking.mining.{name}" for name in ("All", "Confusing", "Hard")}
    assert classes("student") == classes("teacher") == classes("scorer")
    assert classes("optim") == {"retrieval_kd.distil.optimise.OptimConfig"}


def test_a_class_is_given_only_to_a_group_that_names_it() -> None:
    assert class_of(BEIR, "corpus") is Beir
    with pytest.raises(
        UserError, match=r"retrieval_kd\.text\.beir\.Beir: give a class that an option of student names"
    ):
        class_of(BEIR, "student")


def test_a_fault_of_the_object_comes_through_as_it_is() -> None:
    with pytest.raises(UserError, match=r"^[^\n]*$"):
        build({**BEIR, "dev_fraction": 2}, "corpus")


def test_targets_are_found_at_any_depth_with_where_they_stand() -> None:
    node = {"ranker": {"_target_": "a.B", "inner": [{"_target_": "a.C"}]}}
    assert list(targets(node)) == [("ranker._target_", "a.B"), ("ranker.inner[0]._target_", "a.C")]
    assert len(list(forbidden(node, "ranker"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "word",
    [
        "optim.betas=[{_target_: torch.load, f: F, weights_only: false}, 0.9]",
        "++tracking._target_=retrieval_kd.app.execute.artifacts.discard ++tracking.folder=F",
        "data.further=[{_target_: builtins.open, file: F, mode: w}]",
        "+student.hook={_target_: os.remove, path: F}",
        "++machine.x={_target_: os.remove, path: F}",
        "evaluation.candidates._target_=os.remove",
    ],
)
def test_no_word_makes_a_plan_call_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("precious").write_text("here")
    first, *more = word.replace("F", "precious").split(" ++")
    assert run(["dry_run=true", first, *(f"++{one}" for one in more)]) == MENDABLE
    assert "give a class that an option of" in capsys.readouterr().err
    assert Path("precious").read_text() == "here"
