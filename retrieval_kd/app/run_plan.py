"""One plan from its first printed line to its last."""

from collections.abc import Sequence

from retrieval_kd.app.cli.arguments import program
from retrieval_kd.app.cli.process_env import ranks
from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.execute.execute_plan import execute_plan
from retrieval_kd.app.execute.given_inputs import check_inputs
from retrieval_kd.app.execute.launch import Launch
from retrieval_kd.app.plan import plugins
from retrieval_kd.app.plan.plan import Plan


def show_plans(plans: Sequence[Plan]) -> None:
    """Prints, for dry_run, each plan, and how many artifacts several of them share."""
    from retrieval_kd.app.report.reasons import reasons
    from retrieval_kd.app.report.tables import plan_table, remarks, show

    for plan in plans:
        show(plan_table(plan), *remarks(plan), *reasons(plan), "")
    names = [stage.artifact for plan in plans for stage in plan.stages]
    if len(plans) > 1:
        saved = len(names) - len(set(names))
        show(f"{len(names)} stages in {len(plans)} runs, {len(set(names))} artifacts: sharing saves {saved}")


def run_plan(plan: Plan, overrides: Sequence[str], *, table: bool = True) -> float | None:
    """Makes what the plan lacks and prints what came of it; what a sweeper gets of it. Raises UserError."""
    from retrieval_kd.app.report.results import objective
    from retrieval_kd.app.report.tables import remarks, show

    first = ranks().first
    if first:
        sealed = sum(artifacts.is_sealed(plan.artifacts / stage.artifact) for stage in plan.stages)
        show(*remarks(plan), f"{plan.recipe}: {len(plan.stages)} stages, {sealed} of them made already")
    make_artifacts(plan)
    if first and table:
        _show_results(plan, overrides)
    return objective(plan)


def make_artifacts(plan: Plan) -> None:
    """Makes what the plan lacks, after a look at what is known only once collections are read. Raises UserError."""
    launch = Launch(ranks(), plan.artifacts)
    with plugins.allowed(plan.plugins), launch.present():
        if launch.group.first:
            check_inputs(plan)
        execute_plan(plan, launch)


def _show_results(plan: Plan, overrides: Sequence[str]) -> None:
    from retrieval_kd.app.report.agreement import kept_of_teachers, lacking_teacher
    from retrieval_kd.app.report.results import rows
    from retrieval_kd.app.report.significance import comparisons
    from retrieval_kd.app.report.tables import queries_of, results_table, show
    from retrieval_kd.text.held_out import HELD_OUT

    evaluated = rows(plan)
    if evaluated:
        show(
            "",
            results_table(evaluated, title=f"{plan.recipe}, {queries_of(evaluated)}"),
            *comparisons(plan),
            *kept_of_teachers(plan),
        )
    again = any(row.split == HELD_OUT for row in evaluated)
    show(
        *lacking_teacher(plan),
        "",
        f"artifacts: {plan.artifacts.resolve()}",
        f"next: {_next(overrides, again=again)}",
    )


def _next(overrides: Sequence[str], *, again: bool) -> str:
    """The command to try next: another teacher after the main job, else, or if it is to be done `again`, the same with
    other seeds.
    """
    if (
        again
        or any(override.startswith(("seed=", "experiment=")) for override in overrides)
        or "teacher=cross_encoder" in overrides
    ):
        same = (override for override in overrides if not override.startswith("seed="))
        return f"{program()} -m seed=0,1,2 {' '.join(same)}".strip()
    others = [override for override in overrides if not override.lstrip("+~").startswith(("teacher", "loss", "at."))]
    return " ".join([program(), "teacher=cross_encoder", "loss=listwise_kl", *others])
