"""The record of a recipe: what its sealed evaluations say, appended to results.jsonl, and the table that is read."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import Stage
from retrieval_kd.app.report.agreement import measured_by_agreement
from retrieval_kd.app.report.record_table import with_table
from retrieval_kd.app.report.results import OBJECTIVE, SPLITS
from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import atomic_write

EXPERIMENTS = Path("experiments")
CONTROL = "baseline"  # the recipe whose students every other recipe is compared with
_LEFT_OUT = ("artifacts=", "machine", "tracking", "experiment=", "save_every=")  # overrides that change no number
Row = dict[str, Any]


def record(plan: Plan, overrides: Sequence[str], *, experiments: Path = EXPERIMENTS) -> Path:
    """Appends the plan's sealed evaluations to experiments/<recipe>/results.jsonl, compares its last student with what
    its run measured beside it, with other students of the recipe and those of the baseline, and renders the table into
    the README beside it.

    Raises UserError where the folder or its README is not there, nothing is sealed, or nobody judged the collection.
    """
    folder = experiments / plan.recipe
    readme = folder / "README.md"
    if not readme.is_file():
        raise UserError(
            f"{readme}: there is no such file; record from the root of a checkout, a recipe that has its README"
        )
    words = " ".join(override for override in overrides if not override.startswith(_LEFT_OUT))
    if any(measured_by_agreement(plan.artifacts / stage.artifact) for stage in _sealed(plan)):
        raise UserError("a record holds what judgments measure, and this collection has none; give one with judgments")
    measured = [row for stage in _sealed(plan) for row in _rows(plan, stage, words)]
    if not measured:
        raise UserError(f"none of {plan.recipe}'s evaluations is there: run the same overrides without `record` first")
    rows = _joined(_read(folder), measured)
    controls = _read(experiments / CONTROL)
    for student in [row for row in measured if row["final"]]:
        others = [row for row in (*rows, *controls) if row["kind"] == "evaluation"]
        others = [row for row in others if row["final"] or row in measured]
        compared_before = {  # with this one, when they were recorded
            row["artifact"] for row in rows if row.get("against", {}).get("artifact") == student["artifact"]
        }
        new = [row for row in others if row["artifact"] not in compared_before]
        rows = _joined(rows, _comparisons(student, new, plan.artifacts))
    with atomic_write(folder / "results.jsonl") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    readme_text = with_table(readme.read_text(encoding="utf-8"), rows, controls, where=str(readme))
    with atomic_write(readme) as file:
        file.write(readme_text)
    return folder


def _sealed(plan: Plan) -> list[Stage]:
    judged = [stage for stage in plan.stages if stage.kind.evaluates]
    return [stage for stage in judged if artifacts.is_sealed(plan.artifacts / stage.artifact)]


def _rows(plan: Plan, stage: Stage, overrides: str) -> Iterable[Row]:
    """A row for every scorer that an evaluation judged."""
    folder = plan.artifacts / stage.artifact
    metrics, manifest = artifacts.metrics(folder), json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    several = not any(split in metrics for split in SPLITS)
    last = stage.name == plan.stages[-1].name and stage.judges == "student"
    for role, values in metrics.items() if several else [(metrics.get("role"), metrics)]:
        yield {
            "kind": "evaluation",
            "recipe": plan.recipe,
            "words": overrides,
            "title": stage.title + (f" ({role})" if role else ""),
            "artifact": f"{stage.artifact}/{role}" if several else stage.artifact,
            "final": last,
            **{split: values[split] for split in SPLITS if split in values},
            "minutes": _minutes(plan),
            "corpus": manifest["corpus"][:16],
            "python": manifest["python"],
            "commit": manifest["commit"],
            "torch": manifest["versions"].get("torch"),
        }


def _minutes(plan: Plan) -> dict[str, float]:
    """Stage → minutes, as its manifest tells them; of the stages that are sealed."""
    minutes = {}
    for stage in plan.stages:
        path = plan.artifacts / stage.artifact / "manifest.json"
        if path.is_file():
            minutes[stage.name] = round(json.loads(path.read_text(encoding="utf-8"))["seconds"] / 60, 1)
    return minutes


def _comparisons(student: Row, others: Iterable[Row], root: Path) -> Iterable[Row]:
    """The paired comparison of a student with each other one over the same queries whose values are still there."""
    from retrieval_kd.measures.compare import compare
    from retrieval_kd.measures.evaluate import Report

    split = next(name for name in SPLITS if name in student)
    mine = Report.read(root / student["artifact"] / f"per_query-{split}.jsonl")
    for other in others:
        path = root / other["artifact"] / f"per_query-{split}.jsonl"
        if other["artifact"] == student["artifact"] or other["corpus"] != student["corpus"] or not path.is_file():
            continue
        comparison = compare(mine, Report.read(path), OBJECTIVE)
        yield {
            "kind": "comparison",
            "recipe": student["recipe"],
            "words": student["words"],
            "artifact": student["artifact"],
            "against": {key: other[key] for key in ("recipe", "words", "artifact")},
            "measure": OBJECTIVE,
            "split": split,
            "difference": round(comparison.difference, 4),
            "p": float(f"{comparison.p:.3g}"),
            "p_randomised": float(f"{comparison.p_randomised:.3g}"),
            "detectable": round(comparison.detectable, 4),
            "queries": comparison.queries,
        }


def _read(folder: Path) -> list[Row]:
    path = folder / "results.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def _joined(rows: Sequence[Row], new: Iterable[Row]) -> list[Row]:
    """The rows and the new ones; a new one takes the place of the row that tells of the same artifacts and
    overrides.
    """
    by_name = {_name(row): row for row in rows}
    for row in new:
        by_name[_name(row)] = row
    return list(by_name.values())


def _name(row: Row) -> tuple[str, ...]:
    return (row["kind"], row["words"], row["artifact"], row.get("against", {}).get("artifact", ""))
