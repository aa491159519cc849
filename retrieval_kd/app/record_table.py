"""The record as Markdown: a table of evaluations and one of comparisons, between two marks of a README."""

from collections.abc import Iterator, Sequence
from typing import Any

from retrieval_kd.app.results import SPLITS
from retrieval_kd.text.fault import Fault

BEGIN, END = "<!-- results: make record -->", "<!-- end of results -->"
Row = dict[str, Any]


def rendered(text: str, rows: Sequence[Row], *, where: str) -> str:
    """The README with the tables between its marks. Raises Fault if it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Fault(f"{where}: put the lines {BEGIN} and {END} where the tables belong")
    return f"{before}{BEGIN}\n{tables(rows)}\n{END}{after}"


def tables(rows: Sequence[Row]) -> str:
    """Every evaluation, then every comparison."""
    judged = [row for row in rows if row["kind"] == "evaluation"]
    compared = [row for row in rows if row["kind"] == "comparison"]
    parts = [list(_evaluations(judged))]
    if compared:
        parts.append(list(_comparisons(compared)))
    return "\n" + "\n\n".join("\n".join(part) for part in parts) + "\n"


def _evaluations(rows: Sequence[Row]) -> Iterator[str]:
    splits = [next(split for split in SPLITS if split in row) for row in rows]
    measures = list(dict.fromkeys(name for row, split in zip(rows, splits, strict=True) for name in row[split]))
    measures = [name for name in measures if name != "queries"]
    yield f"| system | words | split | {' | '.join(measures)} | dev {measures[0]} | queries |"
    yield "|---|---|---|" + "---|" * (len(measures) + 2)
    for row, split in zip(rows, splits, strict=True):
        numbers = [_short(row[split].get(name)) for name in measures]
        dev = _short(row.get("dev", {}).get(measures[0]))
        title = f"**{row['title']}**" if row["final"] else row["title"]
        yield f"| {title} | {_words(row)} | {split} | {' | '.join(numbers)} | {dev} | {row[split]['queries']} |"


def _comparisons(rows: Sequence[Row]) -> Iterator[str]:
    yield "| student | against | difference | p (t-test) | p (randomisation) | seen with 80 % power | queries |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        other = row["against"]
        against = f"{other['recipe']} {_words(other)}"
        said = [f"{row['difference']:+.3f} {row['measure']}", f"{row['p']:.2g}", f"{row['p_randomised']:.2g}"]
        power = f"{row['detectable']:.3f}".lstrip("0")
        yield f"| {row['recipe']} {_words(row)} | {against} | {' | '.join(said)} | {power} | {row['queries']} |"


def _words(row: Row) -> str:
    return f"`{row['words']}`" if row["words"] else "as it is"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".lstrip("0")
