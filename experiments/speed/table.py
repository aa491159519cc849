"""The record as a table: a line for each goal of each row, put between two marks of a file."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from experiments.speed.rows import ROWS, Row
from experiments.speed.summary import Goal, Outcome, outcome, series

START, END = "<!-- table -->", "<!-- end -->"
HEAD = "| row | work | against | ours: wall s, CPU s, peak MB | theirs | measured (least – greatest) | goal | reached |"
RULE = "|---|---|---|---|---|---|---|---|"
WHAT = {
    "wall": "time",
    "cpu": "CPU time",
    "peak_mb": "peak memory",
    "extra_mb": "extra memory",
    "anon_mb": "extra RssAnon",
    "anon_peak_mb": "RssAnon",
}


def table(records: Iterable[Mapping[str, Any]]) -> str:
    """Every row in its order, with the record that was measured last; a row without one says so."""
    found = {record["row"]: record for record in records}
    known = [line for row in ROWS.values() for line in lines(row, found.pop(row.name, None))]
    others = [line for name, record in found.items() for line in lines(row_of(name), record)]
    return "\n".join([HEAD, RULE, *known, *others])


def row_of(name: str) -> Row:
    """The row of a name; that of a collection given by path is `step` on that collection."""
    from experiments.speed.rows import step_on

    return ROWS[name] if name in ROWS else step_on(name)


def lines(row: Row, record: Mapping[str, Any] | None) -> list[str]:
    """The table's lines of one row."""
    if record is None:
        return [cells(row.name, row.work, "", "", "", "not measured", aim(goal), "") for goal in row.goals]
    return [line(row, goal, record["sides"]) for goal in row.goals]


def line(row: Row, goal: Goal, sides: Mapping[str, Any]) -> str:
    """One goal: whom it is against, both sides' numbers, the ratio and its spread."""
    found = outcome(sides, goal)
    ours = cost(sides["ours"])
    if found is None:
        return cells(row.name, row.work, ", ".join(goal.against), ours, "", "no peer measured", aim(goal), "")
    theirs = cost(sides[found.against]) if found.against else ""
    reached = "yes" if found.reached else "**no**"
    return cells(row.name, row.work, found.against, ours, theirs, told(goal, found), aim(goal), reached)


def cells(*texts: str) -> str:
    return f"| {' | '.join(texts)} |"


def cost(side: Mapping[str, Any]) -> str:
    """Median seconds for a unit of work, and the process's peak."""
    return f"{number(median(series(side, 'wall')))}, {number(median(series(side, 'cpu')))}, {side['peak_mb']:.0f}"


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def told(goal: Goal, found: Outcome) -> str:
    unit = {"faster": " ×", "share": " ×", "more": " MB", "below": " s"}[goal.kind]
    spread = "" if found.low == found.high else f" ({number(found.low)} – {number(found.high)})"
    return f"{number(found.median)}{unit}{spread}"


def aim(goal: Goal) -> str:
    """The goal in words."""
    what = WHAT[goal.quantity]
    return {
        "faster": f"≥ {goal.bound:g} × in {what}",
        "share": f"≤ {goal.bound:g} × its {what}",
        "more": f"≤ {goal.bound:g} MB more {what}",
        "below": f"≤ {goal.bound:g} s {what}",
    }[goal.kind]


def put(path: Path, text: str) -> None:
    """Replace what stands between the marks of a file. Raises ValueError if it has no marks."""
    content = path.read_text(encoding="utf-8")
    if START not in content or END not in content:
        raise ValueError(f"{path} has no {START} … {END}: write them where the table shall stand")
    before, after = content.split(START)[0], content.split(END, 1)[1]
    path.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")
