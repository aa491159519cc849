"""The results of a plan's evaluate stages, as rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import Stage
from retrieval_kd.app.report.agreement import OVERLAP, Agreement, agreements, measured_by_agreement
from retrieval_kd.text.held_out import HELD_OUT

SPLITS = ("test", "dev", "train")
OBJECTIVE = "nDCG@10"


@dataclass(frozen=True)
class Row:
    """One scorer's means over the queries of one split; `artifact` is the evaluation it comes from. `margins` are half
    the widths of the means' 95 % intervals, where they are told. The split `held_out` has no judgments: its means say
    how far the scorer agrees with a teacher.
    """

    title: str
    split: str
    means: dict[str, float]
    queries: int
    artifact: str
    margins: dict[str, float] = field(default_factory=dict)


def rows(plan: Plan) -> list[Row]:
    """A row for each scorer of each evaluate stage that is sealed, in the plan's order; where nobody judged, one for
    each but the teachers and each teacher that it is held against.
    """
    judged = [stage for stage in _evaluated(plan) if not measured_by_agreement(plan.artifacts / stage.artifact)]
    found = agreements(plan)
    several = len({agreement.teacher for agreement in found}) > 1
    return [
        *(row for stage in judged for row in _rows(plan.artifacts, stage)),
        *(_agreeing(agreement, several=several) for agreement in found),
    ]


def objective(plan: Plan) -> float | None:
    """What a sweeper gets: the dev nDCG@10 of the plan's last evaluation of the student, never test; where nobody
    judged, the mean over its teachers of overlap@10 for the queries held out; else None.
    """
    judged = [stage for stage in plan.stages if stage.judges == "student"]
    folder = plan.artifacts / judged[-1].artifact if judged else None
    if folder is None or not artifacts.is_sealed(folder):
        return None
    if measured_by_agreement(folder):
        kept = [found.report.mean(OVERLAP) for found in agreements(plan) if found.stage is judged[-1]]
        return sum(kept) / len(kept) if kept else None
    dev = artifacts.metrics(folder).get("dev", {})
    return float(dev[OBJECTIVE]) if OBJECTIVE in dev else None


def split_of(metrics: dict[str, Any]) -> str:
    """The split that is shown: test, or dev where the collection has no judgments for test."""
    return next(name for name in SPLITS if name in metrics)


def _evaluated(plan: Plan) -> list[Stage]:
    listed = [stage for stage in plan.stages if stage.kind.evaluates]
    return [stage for stage in listed if artifacts.is_sealed(plan.artifacts / stage.artifact)]


def _rows(root: Path, stage: Stage) -> Iterator[Row]:
    metrics = artifacts.metrics(root / stage.artifact)
    if stage.judges == "student":
        yield _row(stage.title, metrics, stage.artifact)
    elif "role" in metrics:
        yield _row(f"{stage.title} ({metrics['role']})", metrics, stage.artifact)
    else:
        for role, values in metrics.items():
            yield _row(f"{stage.title} ({role})", values, f"{stage.artifact}/{role}")


def _agreeing(found: Agreement, *, several: bool) -> Row:
    from retrieval_kd.measures.compare import margin

    report, title = found.report, f"{found.stage.title}, with {found.teacher}" if several else found.stage.title
    margins = {name: margin([*values.values()]) for name, values in report.per_query.items()}
    return Row(title, HELD_OUT, report.means, report.queries, found.stage.artifact, margins)


def _row(title: str, metrics: dict[str, Any], artifact: str) -> Row:
    split = split_of(metrics)
    means = {name: float(value) for name, value in metrics[split].items() if name != "queries"}
    return Row(title, split, means, int(metrics[split].get("queries", 0)), artifact)
