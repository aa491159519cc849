"""What is printed: the plan before, the table after."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import descendants
from retrieval_kd.app.report.results import Row
from retrieval_kd.text.held_out import HELD_OUT


def plan_table(plan: Plan) -> Table:
    """Stage, its kind, key, and whether it is made already."""
    table = Table(title=f"plan of {plan.recipe}", title_justify="left", box=None, pad_edge=False)
    for column in ("stage", "kind", "key", "state"):
        table.add_column(column, no_wrap=True)
    again = {stage.name for stage in descendants(plan.stages, plan.fresh)} if plan.fresh else set()
    for stage in plan.stages:
        sealed = artifacts.is_sealed(plan.artifacts / stage.artifact)
        state = "to make" if not sealed else "to make again" if stage.name in again else "sealed"
        table.add_row(stage.name, stage.run, stage.key[:16], state)
    return table


def remarks(plan: Plan) -> list[str]:
    """Overrides that are ignored, teachers that are not read, stages that are left out."""
    why: dict[str, list[str]] = {}
    for stage in plan.left_out:
        why.setdefault(stage.why, []).append(stage.name)
    return [*plan.notes, *(f"not in the plan: {', '.join(names)} ({reason})" for reason, names in why.items())]


def results_table(rows: Sequence[Row], *, title: str) -> Table:
    """A row for each scorer; the measures are means over the queries of the split. Long titles make room for them."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    measures = list(dict.fromkeys(name for row in rows for name in row.means))
    for name in [*measures, "queries"]:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        numbers = [_number(row, name) for name in measures]
        table.add_row(row.title, *numbers, str(row.queries) if row.queries else "")
    return table


def _number(row: Row, name: str) -> str:
    if name not in row.means:
        return ""
    return f"{row.means[name]:.3f}" + (f" ±{row.margins[name]:.3f}" if name in row.margins else "")


def queries_of(rows: Sequence[Row]) -> str:
    """Which queries the rows are means over; of queries without judgments, what it is that they tell."""
    splits = list(dict.fromkeys(row.split for row in rows))
    if splits == [HELD_OUT]:
        return (
            f"agreement with the teacher over {max(row.queries for row in rows)} held-out queries without judgments: "
            "what was kept of the teacher, not how good either is"
        )
    note = "" if "test" in splits else " (this collection has no test judgments)"
    return f"{' and '.join(splits)} queries{note}"


def show(*things: Table | str) -> None:
    """Prints tables and sentences; sentences are not wrapped, so that they can be copied."""
    console = Console()
    for thing in things:
        console.print(thing, soft_wrap=isinstance(thing, str), markup=False, highlight=False)
