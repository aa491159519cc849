"""The record as Markdown, between the marks of a README."""

from typing import Any

import pytest

from retrieval_kd.app.report.record_table import BEGIN, END, rendered
from retrieval_kd.errors import UserError

README = f"# A recipe\n\n{BEGIN}\nwhat was there\n{END}\n\nAfter it.\n"


def evaluation(**values: Any) -> dict[str, Any]:
    means = {"nDCG@10": 0.39244, "R@100": 1.0, "queries": 424}
    row = {
        "kind": "evaluation",
        "recipe": "adam",
        "words": "",
        "title": "student",
        "final": True,
        "artifact": "evaluate-1",
    }
    return {**row, "test": means, "dev": {"nDCG@10": 0.4, "queries": 212}, **values}


def comparison(**values: Any) -> dict[str, Any]:
    against = {"recipe": "baseline", "words": "optim.lr=1e-4", "artifact": "evaluate-2"}
    row = {"kind": "comparison", "recipe": "adam", "words": "", "artifact": "evaluate-1", "against": against}
    numbers = {"measure": "nDCG@10", "difference": 0.0123, "p": 0.0402, "p_randomised": 0.0388, "detectable": 0.031}
    return {**row, **numbers, "queries": 424, **values}


def test_the_tables_take_the_place_of_what_stood_between_the_marks() -> None:
    text = rendered(README, [evaluation()], where="README.md")
    assert "what was there" not in text
    assert text.startswith(f"# A recipe\n\n{BEGIN}\n\n| system |")
    assert text.endswith(f"|\n\n{END}\n\nAfter it.\n")
    assert rendered(text, [evaluation()], where="README.md") == text


def test_a_row_has_three_digits_and_the_number_of_its_words() -> None:
    text = rendered(README, [evaluation(), evaluation(words="seed=1", final=False, title="warm-up")], where="README.md")
    assert "| **student** |  | test | .392 | 1.000 | .400 | 424 |" in text
    assert "| warm-up | [1] | test | .392 | 1.000 | .400 | 424 |" in text
    assert "\n- [1] `seed=1`\n" in text


def test_what_runs_share_is_told_once_and_their_results_each() -> None:
    warm_up = {"title": "warm-up", "final": False, "artifact": "evaluate-0"}
    rows = [evaluation(**warm_up), evaluation(), evaluation(words="seed=1", **warm_up), evaluation(words="seed=1")]
    text = rendered(README, rows, where="README.md")
    assert text.count("| warm-up |") == 1
    assert text.count("| **student** |") == 2


def test_every_p_stands_beside_the_difference_that_so_many_queries_show() -> None:
    text = rendered(README, [evaluation(), comparison()], where="README.md")
    assert "| adam | baseline [1] | +0.012 nDCG@10 | 0.04 | 0.039 | .031 | 424 |" in text


def test_a_collection_without_test_judgments_is_told_by_its_dev_split() -> None:
    row = {key: value for key, value in evaluation().items() if key != "test"}
    assert "| **student** |  | dev | .400 | .400 | 212 |" in rendered(README, [row], where="README.md")


def test_a_readme_without_the_marks_is_refused() -> None:
    with pytest.raises(UserError, match=r"adam/README\.md: put the lines"):
        rendered("# A recipe\n", [], where="adam/README.md")
