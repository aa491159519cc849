"""One plan from its first printed line to its last."""

from collections.abc import Sequence

from retrieval_kd.app.cli.arguments import program
from retrieval_kd.app.cli.process_env import ranks
from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.execute.execute_plan import execute_plan, unsealed_stages
from retrieval_kd.app.plan import plugins
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.errors import UserError


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
    with plugins.allowed(plan.plugins):
        if ranks().first:
            _refuse_bad_collections(plan)
            _refuse_unmeasurable(plan)
            _refuse_nothing_to_learn_from(plan)
        execute_plan(plan)


def _refuse_bad_collections(plan: Plan) -> None:
    """Opens every corpus that is to be read: a bad one is refused before anything is written. Raises UserError."""
    from retrieval_kd.text.corpus import open_corpus

    there = plan.artifacts.exists()
    nodes = [stage.config["corpus"] for stage in unsealed_stages(plan)]
    if not nodes:
        return
    try:
        plan.artifacts.mkdir(parents=True, exist_ok=True)
        for node in {str(node): node for node in nodes}.values():
            open_corpus(build(node, "corpus"), plan.artifacts)
    except UserError:
        if not there:
            plan.artifacts.rmdir()
        raise
    except OSError as error:
        raise UserError(f"artifacts={plan.artifacts}: {error.strerror}; give a folder that can be written to") from None


def _refuse_unmeasurable(plan: Plan) -> None:
    """Refuses measures that the judgments do not allow, or nothing to measure by, before anything trains. Raises
    UserError.
    """
    from retrieval_kd.app.stages.evaluate import refuse_nothing_held_out
    from retrieval_kd.measures.evaluate import parse
    from retrieval_kd.measures.names import cannot_measure
    from retrieval_kd.text.corpus import open_corpus

    for stage in unsealed_stages(plan):
        if stage.kind.evaluates:
            corpus = open_corpus(build(stage.config["corpus"], "corpus"), plan.artifacts)
            refuse_nothing_held_out(corpus)
            measures = parse(stage.config["evaluation"]["measures"]) if corpus.is_judged else {}
            for problem in cannot_measure(measures, corpus.judgments):
                raise UserError(problem)


def _refuse_nothing_to_learn_from(plan: Plan) -> None:
    """Refuses a training that would draw judged queries alone where there are none. Raises UserError."""
    from retrieval_kd.text.corpus import open_corpus

    for stage in unsealed_stages(plan):
        if stage.kind.trains and not stage.config["data"].get("unjudged"):
            corpus = open_corpus(build(stage.config["corpus"], "corpus"), plan.artifacts)
            if not corpus.splits.get("train"):
                offer = "" if corpus.unjudged else ", and corpus.unjudged=true where the collection offers some"
                raise UserError(
                    f"stage {stage.name}: the corpus {corpus.name} has no judged training query; to learn from queries "
                    f"without judgments set data.unjudged=true{offer}"
                )


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
