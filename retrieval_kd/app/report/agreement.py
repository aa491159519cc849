"""What the students of a plan kept of its teachers: sealed runs held against sealed runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import Stage
from retrieval_kd.text.held_out import HELD_OUT

if TYPE_CHECKING:
    from retrieval_kd.measures.evaluate import Report

OVERLAP, QUALITY = "overlap@10", "nDCG@10"
_RUN = "run.trec"


class Ranked(NamedTuple):
    """The run of one scorer that was evaluated: in the artifact of `stage`, in the folder of its `role` there."""

    stage: Stage
    role: str
    folder: Path
    depth: int


class Agreement(NamedTuple):
    """How far the run of a stage agrees with that of a teacher, query by query."""

    stage: Stage
    teacher: str
    report: "Report"


def measured_by_agreement(folder: Path) -> bool:
    """Whether a sealed evaluation ranked for queries that nobody judged."""
    found = artifacts.metrics(folder)
    return HELD_OUT in found or any(HELD_OUT in of for of in found.values() if isinstance(of, dict))


def agreements(plan: Plan) -> list[Agreement]:
    """Of each evaluation of queries that nobody judged, but those of teachers, its agreement with each teacher."""
    teachers = list(_teachers(plan))
    return [_agreement(plan, stage, teacher) for stage in _held_out(plan) for teacher in teachers]


def lacking_teacher(plan: Plan) -> list[str]:
    """A sentence where queries that nobody judged were ranked for and no teacher's ranking is there."""
    if not _held_out(plan) or next(_teachers(plan), None):
        return []
    return ["nothing was measured: the collection has no judgments, and no teacher ranked for the queries held out"]


def kept_of_teachers(plan: Plan) -> Iterator[str]:
    """A sentence on what the plan's last student kept of each teacher, over the judged queries of the split shown."""
    from retrieval_kd.app.report.results import split_of
    from retrieval_kd.measures.compare import margin
    from retrieval_kd.measures.evaluate import Report

    students = [stage for stage in _evaluated(plan) if stage.judges == "student" and "student" in stage.config]
    if not students or measured_by_agreement(plan.artifacts / students[-1].artifact):
        return
    end = students[-1]
    folder = plan.artifacts / end.artifact
    split = split_of(artifacts.metrics(folder))
    for teacher in _teachers(plan):
        path = teacher.folder / f"per_query-{split}.jsonl"
        if not path.is_file() or not (folder / _RUN).is_file():
            continue
        mine, theirs = Report.read(folder / path.name), Report.read(path)
        queries = next(iter(mine.per_query.values()))
        report = _agreement(plan, end, teacher, queries=list(queries)).report
        half = margin([*report.per_query[OVERLAP].values()])
        quality = ""
        if QUALITY in mine.per_query and QUALITY in theirs.per_query and theirs.mean(QUALITY):
            quality = f", and has {mine.mean(QUALITY) / theirs.mean(QUALITY):.0%} of its {QUALITY}"
        yield (
            f"{end.title} keeps {report.mean(OVERLAP):.0%} (±{half:.0%}) of the top 10 of {_named(teacher)} "
            f"({OVERLAP}){quality}; {split}, {report.queries} queries"
        )


def _named(teacher: Ranked) -> str:
    return f"{teacher.stage.title} ({teacher.role})"


def _agreement(plan: Plan, stage: Stage, teacher: Ranked, queries: Sequence[str] | None = None) -> Agreement:
    from retrieval_kd.measures.agreement import agreement
    from retrieval_kd.text.run import Run

    runs = Run.read(plan.artifacts / stage.artifact / _RUN), Run.read(teacher.folder / _RUN)
    depth = min(int(stage.config["evaluation"]["depth"]), teacher.depth)
    return Agreement(stage, teacher.role, agreement(*runs, depth=depth, queries=queries))


def _held_out(plan: Plan) -> list[Stage]:
    """The sealed evaluations of queries that nobody judged, but those of teachers."""
    students = [stage for stage in _evaluated(plan) if stage.judges == "student"]
    return [stage for stage in students if measured_by_agreement(plan.artifacts / stage.artifact)]


def _teachers(plan: Plan) -> Iterator[Ranked]:
    for stage in _evaluated(plan):
        if stage.judges != "teacher":
            continue
        folder, depth = plan.artifacts / stage.artifact, int(stage.config["evaluation"]["depth"])
        found = artifacts.metrics(folder)
        places = {str(found["role"]): folder} if "role" in found else {role: folder / role for role in found}
        yield from (Ranked(stage, role, at, depth) for role, at in places.items() if (at / _RUN).is_file())


def _evaluated(plan: Plan) -> list[Stage]:
    listed = [stage for stage in plan.stages if stage.kind.evaluates]
    return [stage for stage in listed if artifacts.is_sealed(plan.artifacts / stage.artifact)]
