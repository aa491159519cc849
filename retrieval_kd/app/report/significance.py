"""The paired test between the student as it ended and as it was first evaluated."""

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import Stage
from retrieval_kd.app.report.agreement import OVERLAP, agreements, measured_by_agreement
from retrieval_kd.app.report.results import OBJECTIVE, split_of

if TYPE_CHECKING:
    from retrieval_kd.measures.evaluate import Report


def comparisons(plan: Plan) -> list[str]:
    """A sentence on the student's last evaluation against that of the scorer it started from, if the plan has both."""
    judged = [stage for stage in plan.stages if stage.judges == "student"]
    students = [stage for stage in judged if "student" in stage.config and _folder(plan, stage).is_dir()]
    if not students:
        return []
    end = students[-1]
    start = next(stage for stage in students if stage.config["ranker"] == end.config["ranker"])
    if start is end:
        return []
    if not measured_by_agreement(_folder(plan, end)):
        return [_of_split(plan, end, start)]
    found = {(one.stage.name, one.teacher): one.report for one in agreements(plan)}
    roles = [teacher for name, teacher in found if name == end.name]
    pairs = [(found[end.name, role], found[start.name, role]) for role in roles]
    return [_sentence(*pair, OVERLAP, f"{end.title} − {start.title}") for pair in pairs]


def _of_split(plan: Plan, end: Stage, start: Stage) -> str:
    from retrieval_kd.measures.evaluate import Report

    split = split_of(artifacts.metrics(_folder(plan, end)))
    after, before = (Report.read(_folder(plan, stage) / f"per_query-{split}.jsonl") for stage in (end, start))
    measure = OBJECTIVE if OBJECTIVE in after.per_query else next(iter(after.per_query))
    return _sentence(after, before, measure, f"{end.title} − {start.title}")


def _sentence(after: "Report", before: "Report", measure: str, title: str) -> str:
    from retrieval_kd.measures.compare import compare

    if after.queries < 2:
        return f"{title}: {measure} {after.mean(measure) - before.mean(measure):+.3f}, of one query"
    comparison = compare(after, before, measure)
    sentence = f"{title}: {measure} {comparison.difference:+.3f}, paired t-test p = {comparison.p:.2g}"
    if comparison.detectable == 0:
        return sentence
    return (
        f"{sentence}, randomisation test p = {comparison.p_randomised:.2g}; minimum detectable "
        f"effect {comparison.detectable:.3f} at 80 % power, {comparison.queries} queries"
    )


def _folder(plan: Plan, stage: Stage) -> Path:
    return plan.artifacts / stage.artifact
