"""The record as Markdown, between the marks of a README."""

import json
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.report.record_table import BEGIN, END, ROWS, with_table
from retrieval_kd.errors import UserError
from retrieval_kd.measures.compare import ALPHA, POWER, detectable, interval
from tests.house.tree import ROOT

README = f"# A recipe\n\n{BEGIN}\nwhat was there\n{END}\n\nAfter it.\n"
RECORDED = sorted(path.parent.name for path in ROOT.glob("experiments/*/results.jsonl") if path.parent.name != "speed")
Row = dict[str, Any]


def evaluation(artifact: str = "evaluate-1", *, test: float = 0.39244, dev: float = 0.4, **values: Any) -> Row:
    means = {"nDCG@10": test, "R@100": 1.0, "queries": 424}
    row = {"kind": "evaluation", "recipe": "adam", "words": "", "title": "student", "final": True, "corpus": "c"}
    return {**row, "artifact": artifact, "test": means, "dev": {"nDCG@10": dev, "queries": 212}, **values}


def comparison(against: str, artifact: str = "evaluate-1", **values: Any) -> Row:
    numbers = {"measure": "nDCG@10", "difference": 0.0123, "p": 0.0402, "p_randomised": 0.0388, "detectable": 0.031}
    other = {"recipe": "baseline", "words": "", "artifact": against}
    row = {"kind": "comparison", "recipe": "adam", "words": "", "artifact": artifact, "against": other}
    return {**row, **numbers, "queries": 424, **values}


def control(artifact: str, **values: Any) -> Row:
    return evaluation(artifact, recipe="baseline", words=f"optim.lr={artifact}", **values)


def lines(rows: list[Row], controls: list[Row] | None = None) -> list[str]:
    text = with_table(README, rows, controls or [], where="README.md")
    return [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| system")]


def test_the_table_takes_the_place_of_what_stood_between_the_marks() -> None:
    text = with_table(README, [evaluation()], [], where="README.md")
    assert "what was there" not in text
    assert text.startswith(f"# A recipe\n\n{BEGIN}\n\n424 test queries.")
    assert text.endswith(f"|\n\n{END}\n\nAfter it.\n")
    assert with_table(text, [evaluation()], [], where="README.md") == text


def test_what_a_run_measured_stands_before_its_student_under_the_number_of_its_words() -> None:
    warm_up = evaluation("evaluate-0", title="warm-up", final=False, words="seed=1", test=0.25)
    other = evaluation("evaluate-3", title="warm-up", final=False, words="seed=2")
    assert lines([warm_up, other, evaluation(words="seed=1")]) == [
        "| warm-up | [1] | .250 | 1.000 | .400 |  |  |  |  |",
        "| **student** | [1] | .392 | 1.000 | .400 |  |  |  |  |",
    ]
    text = with_table(README, [warm_up, evaluation(words="seed=1")], [], where="README.md")
    assert "\n- [1] `seed=1`\n" in text


def test_dev_chooses_the_student_among_its_settings_and_never_a_shuffled_one() -> None:
    rows = [evaluation("a", dev=0.3), evaluation("b", dev=0.35, words="optim.lr=2"), evaluation("c", dev=0.5)]
    rows[2]["words"] = "+at.distil.loss.shuffle=0"
    assert [line.split(" | ")[0] for line in lines(rows)] == [
        "| **student**",
        "| control: the teacher's scores shuffled",
        "| another setting",
    ]
    assert "| **student** | [1] |" in lines(rows)[0]


def test_controls_are_the_one_that_dev_chooses_and_the_one_that_is_best_on_test() -> None:
    controls = [control("x", dev=0.3, test=0.5), control("y", dev=0.4, test=0.4), control("z", dev=0.2, test=0.3)]
    shown = [line.split(" | ")[:3] for line in lines([evaluation()], controls)]
    assert shown[1:] == [
        ["| control: no teacher, chosen by dev", "[1]", ".400"],
        ["| control: no teacher, the best on test", "[2]", ".500"],
    ]
    elsewhere = [{**row, "corpus": "another"} for row in controls]
    assert len(lines([evaluation()], elsewhere)) == 1


def test_a_difference_stands_with_its_interval_its_corrected_p_and_what_was_detectable() -> None:
    controls = [control("x", dev=0.5), control("y", test=0.9)]
    rows = [evaluation(), comparison("x"), comparison("evaluate-1", artifact="y", p_randomised=0.5)]
    # t of 423 degrees of freedom: 1.9656 and .8423, so the standard error is .031 / 2.8079 = .01104
    assert [line.split(" | ", 5)[-1] for line in lines(rows, controls)[1:]] == [
        "+0.012 | -0.009 to +0.034 | 0.078 | .031 |",
        "-0.012 | -0.034 to +0.009 | 0.5 | .031 |",  # the other was compared with it
    ]


def test_an_interval_is_that_of_the_t_test() -> None:
    low, high = interval(0.1, detectable(0.5, 25, alpha=ALPHA, power=POWER), 25)
    assert (low + high) / 2 == pytest.approx(0.1)
    assert (high - low) / 2 == pytest.approx(2.0639 * 0.5 / 5, rel=1e-4)  # t of 24 degrees of freedom


def test_a_table_has_at_most_a_dozen_rows_and_leaves_no_control_out() -> None:
    beside = [evaluation(f"e{n}", title=f"list {n}", final=False) for n in range(20)]
    shuffled = evaluation("s", words="+at.distil.loss.shuffle=0")
    shown = lines([*beside, evaluation(), shuffled], [control("x")])
    assert len(shown) == ROWS
    assert shown[-1].startswith("| control: the teacher's scores shuffled")


def test_a_collection_without_test_judgments_is_told_by_its_dev_split() -> None:
    row = {key: value for key, value in evaluation().items() if key != "test"}
    assert lines([row]) == ["| **student** |  | .400 | .400 |  |  |  |  |"]


def test_a_readme_without_the_marks_is_refused() -> None:
    with pytest.raises(UserError, match=r"adam/README\.md: put the lines"):
        with_table("# A recipe\n", [], [], where="adam/README.md")


@pytest.mark.parametrize("recipe", RECORDED)
def test_every_recorded_table_is_what_its_results_say(recipe: str) -> None:
    def read(name: str) -> list[Row]:
        path: Path = ROOT / "experiments" / name / "results.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    text = (ROOT / "experiments" / recipe / "README.md").read_text(encoding="utf-8")
    assert with_table(text, read(recipe), read("baseline"), where=recipe) == text
