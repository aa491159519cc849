"""The paired test between the student as it ended and as it was first evaluated."""

from pathlib import Path

from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import Stage
from retrieval_kd.app.report.results import OBJECTIVE, split_of


def comparisons(plan: Plan) -> list[str]:
    """A sentence on the student's last evaluation against that of the scorer it started from, if the plan has both."""
    judged = [stage for stage in plan.stages if stage.judges == "student"]
    students = [stage for stage in judged if "student" in stage.config and _folder(plan, stage).is_dir()]
    if not students:
        return []
    end = students[-1]
    start = next(stage for stage in students if stage.config["ranker"] == end.config["ranker"])
    return [_sentence(plan, end, start)] if start is not end else []


def _sentence(plan: Plan, end: Stage, start: Stage) -> str:
    from retrieval_kd.measures.compare import compare
    from retrieval_kd.measures.evaluate import Report

    split = split_of(artifacts.metrics(_folder(plan, end)))
    after, before = (Report.read(_folder(plan, stage) / f"per_query-{split}.jsonl") for stage in (end, start))
    measure = OBJECTIVE if OBJECTIVE in after.per_query else next(iter(after.per_query))
    comparison = compare(after, before, measure)
    sentence = (
        f"{end.title} − {start.title}: {measure} {comparison.difference:+.3f}, paired t-test p = {comparison.p:.2g}"
    )
    if comparison.detectable == 0:
        return sentence
    return (
        f"{sentence}, randomisation test p = {comparison.p_randomised:.2g}; minimum detectable "
        f"effect {comparison.detectable:.3f} at 80 % power, {comparison.queries} queries"
    )


def _folder(plan: Plan, stage: Stage) -> Path:
    return plan.artifacts / stage.artifact
