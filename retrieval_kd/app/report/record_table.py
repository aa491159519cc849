"""The record as Markdown: one table between the marks of a README, whose rows say whether the teacher helps."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrieval_kd.app.report.results import OBJECTIVE, SPLITS
from retrieval_kd.errors import UserError

BEGIN, END = "<!-- results: make record -->", "<!-- end of results -->"
ROWS = 12  # at most; all that was recorded stays in results.jsonl
SHUFFLED = ".loss.shuffle="  # in the overrides of a run whose teacher's scores were shuffled
Row = dict[str, Any]


def with_table(text: str, rows: Sequence[Row], controls: Sequence[Row], *, where: str) -> str:
    """The README with the table between its marks; `controls` are the rows of the recipe without a teacher. Raises
    UserError if it has no marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{where}: put the lines {BEGIN} and {END} where the table belongs")
    return f"{before}{BEGIN}\n{table(rows, controls)}\n{END}{after}"


def table(rows: Sequence[Row], controls: Sequence[Row]) -> str:
    """The recipe's student as dev chooses among its settings, with what its run measured beside it; then the students
    of other runs against it: controls without a teacher, its own with a shuffled one, its other settings.
    """
    students = _students(rows)
    if not students:
        return ""
    student = max((row for row in students if not _shuffled(row)), key=_dev, default=students[-1])
    others = list(_other_students(student, students, _students(controls)))
    beside = [row for row in rows if row["kind"] == "evaluation" and not row["final"] and _of_one_run(row, student)]
    room = max(1, ROWS - 1 - len(others))  # its start comes first
    shown = [*((row["title"], row) for row in beside[:room]), (f"**{student['title']}**", student), *others][:ROWS]
    differences = _differences(student, [*rows, *controls])
    numbers = {words: f"[{place}]" for place, words in enumerate(dict.fromkeys(_words(shown)), 1)}
    parts = [_caption(student), "\n".join(_lines(shown, differences, numbers))]
    parts += ["\n".join(f"- {number} `{words}`" for words, number in numbers.items())] if numbers else []
    return "\n" + "\n\n".join(parts) + "\n"


def _students(rows: Sequence[Row]) -> list[Row]:
    """The student that each run ended with."""
    return [row for row in rows if row["kind"] == "evaluation" and row["final"]]


def _other_students(student: Row, students: Sequence[Row], controls: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """(what it is, the row) of the students that it is compared with, the most telling first."""
    alike = [row for row in controls if row["corpus"] == student["corpus"] and row["recipe"] != student["recipe"]]
    if alike:
        chosen, best = max(alike, key=_dev), max(alike, key=_result)
        yield "control: no teacher, chosen by dev", chosen
        if best is not chosen:
            yield f"control: no teacher, the best on {_split(best)}", best
    rest = [row for row in students if row is not student]
    yield from (("control: the teacher's scores shuffled", row) for row in rest if _shuffled(row))
    yield from (("another setting", row) for row in sorted(rest, key=_dev, reverse=True) if not _shuffled(row))


def _caption(student: Row) -> str:
    split = _split(student)
    return (
        f"{student[split]['queries']} {split} queries. Differences are those of **{student['title']}** to the row in "
        f"{OBJECTIVE}, with the 95 % interval of the paired t-test; p is that of the paired randomisation test after "
        "Holm over the rows of this table; MDE is the minimum detectable effect at 80 % power. Settings are chosen by "
        "dev. Every other run and pair is in `results.jsonl`."
    )


def _lines(
    shown: Sequence[tuple[str, Row]], differences: Mapping[str, Row], numbers: Mapping[str, str]
) -> Iterator[str]:
    from retrieval_kd.measures.compare import holm, interval

    measures = [name for name in shown[0][1][_split(shown[0][1])] if name != "queries"]
    yield f"| system | words | {' | '.join(measures)} | dev {measures[0]} | difference | 95 % interval | p | MDE |"
    yield "|---|---|" + "---|" * (len(measures) + 5)
    comparisons = [differences.get(row["artifact"]) for _, row in shown]
    corrected = iter(holm([comparison["p_randomised"] for comparison in comparisons if comparison is not None]))
    for (title, row), comparison in zip(shown, comparisons, strict=True):
        values = [_rounded(row[_split(row)].get(name)) for name in measures]
        cells = [title, numbers.get(row["words"], ""), *values, _rounded(row.get("dev", {}).get(measures[0]))]
        if comparison is None:
            cells += [""] * 4
        else:
            low, high = interval(comparison["difference"], comparison["detectable"], comparison["queries"])
            cells += [_signed(comparison["difference"]), f"{_signed(low)} to {_signed(high)}", f"{next(corrected):.2g}"]
            cells += [_rounded(comparison["detectable"])]
        yield f"| {' | '.join(cells)} |"


def _differences(student: Row, rows: Sequence[Row]) -> dict[str, Row]:
    """Artifact → the comparison of the student with it, whichever of them was recorded later."""
    comparisons = {}
    for row in rows:
        if row["kind"] == "comparison" and row["artifact"] == student["artifact"]:
            comparisons[row["against"]["artifact"]] = row
        elif row["kind"] == "comparison" and row["against"]["artifact"] == student["artifact"]:
            comparisons[row["artifact"]] = {**row, "difference": -row["difference"]}
    return comparisons


def _words(shown: Sequence[tuple[str, Row]]) -> Iterator[str]:
    return (row["words"] for _, row in shown if row["words"])


def _shuffled(row: Row) -> bool:
    return SHUFFLED in row["words"] or row["words"].startswith(SHUFFLED[1:])


def _of_one_run(row: Row, student: Row) -> bool:
    """Whether two rows are of one run."""
    return bool(row["words"] == student["words"] and row["corpus"] == student["corpus"])


def _split(row: Row) -> str:
    return next(split for split in SPLITS if split in row)


def _result(row: Row) -> float:
    return float(row[_split(row)].get(OBJECTIVE, 0.0))


def _dev(row: Row) -> float:
    return float((row["dev"] if "dev" in row else row[_split(row)]).get(OBJECTIVE, 0.0))


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".lstrip("0")


def _signed(value: float) -> str:
    return f"{value:+.3f}"
