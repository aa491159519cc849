"""What is refused of stored scores before anything loads."""

from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.check.stored import stored_problems
from retrieval_kd.app.plan.options import Options

STORED = "retrieval_kd.scorers.stored.Stored"


def stored(file: object = "lost.trec", **values: Any) -> dict[str, Any]:
    node = {"_target_": STORED, "file": str(file), "layout": "auto", "given": "scores", "missing": "error"}
    return {**node, "scale": 1.0, **values}


def config(teachers: dict[str, Any], *, dark: bool = False, **more: Any) -> dict[str, Any]:
    """A training in which every teacher guides the student."""
    terms = {role: {"learner": "student", "guide": role, "weight": 1.0} for role in teachers}
    data = {"dark": {"_target_": "retrieval_kd.batch.dark.Dark"} if dark else None}
    return {"student": {}, "teacher": teachers, "loss": {"terms": terms}, "data": data, **more}


def test_dark_examples_have_no_stored_score(options: Options) -> None:
    assert list(stored_problems(config({"stored": stored()}), options)) == []
    (problem,) = stored_problems(config({"stored": stored()}, dark=True), options)
    assert problem.startswith("data.dark: teacher.stored looks scores up in a file, and dark examples")
    for name in ("data=sampled", "teacher=colbert", "teacher=cross_encoder", "teacher=dual"):
        assert name in problem
    assert "teacher=stored" not in problem
    assert "teacher=cascade" not in problem  # it has two roles, and the loss reads one


def test_nor_has_an_ensemble_that_looks_some_up(options: Options) -> None:
    ensemble = {"_target_": "retrieval_kd.scorers.ensemble.Ensemble", "members": {"late": {}, "file": stored()}}
    (problem,) = stored_problems(config({"ensemble": ensemble}, dark=True), options)
    assert problem.startswith("data.dark: teacher.ensemble.members.file looks scores up")


def test_nor_has_a_judge_that_does(options: Options) -> None:
    judged = {**config({"late": {}}, dark=True), "curriculum": {"judge": "stored"}}
    judged["teacher"]["stored"] = stored()
    assert any(problem.startswith("data.dark: teacher.stored") for problem in stored_problems(judged, options))


def test_stored_scores_that_nobody_reads_are_not_looked_at(options: Options) -> None:
    unread = config({"late": {}}, dark=True)
    unread["teacher"]["stored"] = stored()
    assert list(stored_problems(unread, options)) == []


def test_a_file_of_no_layout_is_refused_before_it_is_needed(options: Options, tmp_path: Path) -> None:
    path = tmp_path / "scores.txt"
    path.write_text("q a 1\n")
    (problem,) = stored_problems(config({"stored": stored(path)}), options)
    assert problem.startswith(f"teacher.stored: {path}:1 is 'q a 1', no layout that is known")
    path.write_text("q\ta\t1\n")
    assert list(stored_problems(config({"stored": stored(path)}), options)) == []
    (problem,) = stored_problems(config({"stored": stored(path, layout="trec")}), options)
    assert "has 3 columns; trec has 6" in problem


@pytest.mark.parametrize(("key", "value"), [("missing", "drop"), ("given", "probabilities"), ("layout", "pairs")])
def test_one_file_is_read_in_one_way(options: Options, key: str, value: str) -> None:
    (problem,) = stored_problems(config({"one": stored(), "two": stored(**{key: value})}), options)
    assert problem.startswith(f"teacher.two.{key}={value}, and teacher.one reads the same file with {key}=")
    other = stored("other.trec", **{key: value})
    assert list(stored_problems(config({"one": stored(), "two": other}), options)) == []
