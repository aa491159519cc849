"""The record as Markdown: a table of evaluations and one of comparisons, between two marks of a README."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from retrieval_kd.app.report.results import SPLITS
from retrieval_kd.errors import UserError

BEGIN, END = "<!-- results: make record -->", "<!-- end of results -->"
Row = dict[str, Any]


def rendered(text: str, rows: Sequence[Row], *, where: str) -> str:
    """The README with the tables between its marks. Raises UserError if it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{where}: put the lines {BEGIN} and {END} where the tables belong")
    return f"{before}{BEGIN}\n{tables(rows)}\n{END}{after}"


def tables(rows: Sequence[Row]) -> str:
    """Every evaluation, then every comparison, then the words of runs that had some, each under its number."""
    judged = list(_once(row for row in rows if row["kind"] == "evaluation"))
    compared = [row for row in rows if row["kind"] == "comparison"]
    said = dict.fromkeys(one["words"] for row in (*judged, *compared) for one in (row, row.get("against", row)))
    numbers = {words: f"[{place}]" for place, words in enumerate(filter(None, said), 1)}
    parts = [list(_evaluations(judged, numbers))]
    if compared:
        parts.append(list(_comparisons(compared, numbers)))
    if numbers:
        parts.append([f"- {number} `{words}`" for words, number in numbers.items()])
    return "\n" + "\n\n".join("\n".join(part) for part in parts) + "\n"


def _once(rows: Iterable[Row]) -> Iterator[Row]:
    """What several runs share is told for the first of them; the student that is a run's result, for each."""
    told = set()
    for row in rows:
        if row["final"] or row["artifact"] not in told:
            yield row
        if not row["final"]:
            told.add(row["artifact"])


def _evaluations(rows: Sequence[Row], said: Mapping[str, str]) -> Iterator[str]:
    splits = [next(split for split in SPLITS if split in row) for row in rows]
    measures = list(dict.fromkeys(name for row, split in zip(rows, splits, strict=True) for name in row[split]))
    measures = [name for name in measures if name != "queries"]
    yield f"| system | words | split | {' | '.join(measures)} | dev {measures[0]} | queries |"
    yield "|---|---|---|" + "---|" * (len(measures) + 2)
    for row, split in zip(rows, splits, strict=True):
        numbers = [_short(row[split].get(name)) for name in measures]
        dev = _short(row.get("dev", {}).get(measures[0]))
        title = f"**{row['title']}**" if row["final"] else row["title"]
        cells = [title, said.get(row["words"], ""), split, *numbers, dev, str(row[split]["queries"])]
        yield f"| {' | '.join(cells)} |"


def _comparisons(rows: Sequence[Row], said: Mapping[str, str]) -> Iterator[str]:
    yield "| student | against | difference | p (t-test) | p (randomisation) | seen with 80 % power | queries |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        other = row["against"]
        against = f"{other['recipe']} {said.get(other['words'], '')}".strip()
        found = [f"{row['difference']:+.3f} {row['measure']}", f"{row['p']:.2g}", f"{row['p_randomised']:.2g}"]
        power = f"{row['detectable']:.3f}".lstrip("0")
        student = f"{row['recipe']} {said.get(row['words'], '')}".strip()
        yield f"| {student} | {against} | {' | '.join(found)} | {power} | {row['queries']} |"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".lstrip("0")
