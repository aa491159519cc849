"""What a plan's evaluations found: rows, the sweeper's number, the paired test."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from rich.console import Console

from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.report.results import Row, objective, rows, split_of
from retrieval_kd.app.report.significance import comparisons
from retrieval_kd.app.report.sweep import table_rows
from retrieval_kd.app.report.tables import results_table

Planned = Callable[..., Plan]


def judged(plan: Plan, name: str, values: dict[str, float], *, role: str | None = None, dev: float = 0.0) -> None:
    """Seals an evaluation with these values by test query."""
    folder = plan.artifacts / plan.named(name).artifact
    folder.mkdir(parents=True)
    metrics = {
        "test": {"nDCG@10": sum(values.values()) / len(values), "queries": len(values)},
        "dev": {"nDCG@10": dev, "queries": 1},
    }
    (folder / "metrics.json").write_text(json.dumps({role: metrics} if role else metrics))
    lines = [json.dumps({"query": query, "nDCG@10": value}) + "\n" for query, value in values.items()]
    (folder / "per_query-test.jsonl").write_text("".join(lines))


def test_rows_are_those_that_are_sealed_in_the_plans_order(plan: Planned, tmp_path: Path) -> None:
    made = plan(f"artifacts={tmp_path}")
    judged(made, "teacher", {"q4": 1.0, "q5": 0.5}, role="late")
    judged(made, "bm25", {"q4": 0.0, "q5": 0.5})
    assert [(row.title, row.split, row.means, row.queries) for row in rows(made)] == [
        ("BM25", "test", {"nDCG@10": 0.25}, 2),
        ("teacher (late)", "test", {"nDCG@10": 0.75}, 2),
    ]


def test_a_sweeper_gets_the_dev_measure_of_the_trained_student(plan: Planned, tmp_path: Path) -> None:
    made = plan(f"artifacts={tmp_path}")
    judged(made, "start", {"q4": 0.0}, dev=0.125)
    assert objective(made) is None
    judged(made, "student", {"q4": 1.0}, dev=0.375)
    assert objective(made) == 0.375


def test_the_student_is_held_against_its_own_start(plan: Planned, tmp_path: Path) -> None:
    made = plan(f"artifacts={tmp_path}")
    judged(made, "start", {"q4": 0.0, "q5": 0.5, "q6": 0.25})
    assert comparisons(made) == []
    judged(made, "student", {"q4": 0.5, "q5": 0.75, "q6": 0.25})
    # differences 0.5, 0.25, 0: mean 0.25, deviation 0.25, t = 0.25 / (0.25 / √3) = √3 with 2 degrees of freedom
    assert comparisons(made)[0].startswith(
        "student after training − student before training: nDCG@10 +0.250, paired t-test p = 0.23"
    )


def test_a_collection_without_test_judgments_shows_dev() -> None:
    assert split_of({"dev": {}, "seconds": 3}) == "dev"
    assert split_of({"dev": {}, "test": {}}) == "test"


def test_jobs_that_share_an_evaluation_share_its_row() -> None:
    def row(title: str, artifact: str) -> dict[str, object]:
        return {"title": title, "split": "test", "means": {}, "queries": 2, "artifact": artifact}

    summaries = [
        {"words": ["seed=0", "optim.steps=3"], "rows": [row("BM25", "a"), row("student", "b")]},
        {"words": ["seed=1", "optim.steps=3"], "rows": [row("BM25", "a"), row("student", "c")]},
    ]
    assert [row.title for row in table_rows(summaries)] == ["BM25 · all", "student · seed=0", "student · seed=1"]


def test_some_jobs_that_share_an_evaluation_are_named_by_what_differs() -> None:
    shared = {"title": "warm-up", "split": "test", "means": {}, "queries": 2, "artifact": "a"}
    own = {**shared, "title": "student", "artifact": "b"}
    rows_of = {"experiment=adam": [shared], "experiment=lead": [shared], "experiment=tct_colbert": [own]}
    summaries = [{"words": [word, "seed=1"], "rows": rows} for word, rows in rows_of.items()]
    titles = [rows.title for rows in table_rows(summaries)]
    assert titles == ["warm-up · experiment=adam, lead", "student · experiment=tct_colbert"]


def test_a_long_title_leaves_the_numbers_their_room() -> None:
    title = "warm-up · " + ", ".join(f"recipe{number}" for number in range(20))
    console = Console(width=80, file=StringIO())
    console.print(results_table([Row(title, "test", {"nDCG@10": 0.25, "RR@10": 0.5}, 424, "a")], title="one run"))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(number in printed for number in ("nDCG@10", "0.250", "0.500", "424", "recipe19"))
