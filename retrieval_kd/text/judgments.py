"""Who is relevant to whom, as far as anybody looked."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path

from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import atomic_write
from retrieval_kd.text.lines import numbered
from retrieval_kd.text.records import Judgment, is_id

GREATEST_GRADE = 1000  # measures keep a table over grades for each query: trec_eval's grows with the greatest one
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
HOLDS = "judgments, with the header query-id, corpus-id, score and a row a judgment, parted by tabs"


class Judgments:
    """(query, passage) → grade; above 0 is relevant, no grade means that nobody looked.

    >>> judgments = Judgments({"q1": {"p1": 2, "p2": 0}})  # or Judgments.read("qrels/test.tsv")
    >>> judgments.relevant("q1"), judgments.grade("q1", "p9")
    ({'p1': 2}, None)
    """

    def __init__(self, grades: Mapping[str, Mapping[str, int]]) -> None:
        self._grades = grades

    @staticmethod
    def of(rows: Iterable[Judgment]) -> "Judgments":
        """Judgments from rows; of two for one pair the later stands."""
        grades: dict[str, dict[str, int]] = {}
        for query_id, passage_id, grade in rows:
            grades.setdefault(query_id, {})[passage_id] = grade
        return Judgments(grades)

    @staticmethod
    def read(path: Path | str) -> "Judgments":
        """A file in BEIR's form. Raises UserError naming the line that is none of it, or grades a pair anew."""
        return Judgments.of(row for _, row in judgment_rows(Path(path)))

    def write(self, path: Path | str) -> None:
        """The form that `read` reads, written aside and renamed."""
        with atomic_write(Path(path)) as file:
            file.write("query-id\tcorpus-id\tscore\n")
            file.writelines(f"{query_id}\t{passage_id}\t{grade}\n" for query_id, passage_id, grade in self)

    def grade(self, query_id: str, passage_id: str) -> int | None:
        """The grade somebody gave, None if nobody did."""
        return self.judged(query_id).get(passage_id)

    def judged(self, query_id: str) -> Mapping[str, int]:
        """passage id → grade, of all that somebody looked at for this query."""
        return self._grades.get(query_id, {})

    def relevant(self, query_id: str) -> Mapping[str, int]:
        """passage id → grade, of those above 0."""
        return {passage_id: grade for passage_id, grade in self.judged(query_id).items() if grade > 0}

    @property
    def queries(self) -> Iterable[str]:
        """The ids of all queries with a judgment."""
        return self._grades.keys()

    def only(self, query_ids: Iterable[str]) -> "Judgments":
        """The judgments of these queries; one without a judgment is left out."""
        return Judgments({query_id: self._grades[query_id] for query_id in query_ids if query_id in self._grades})

    def __iter__(self) -> Iterator[Judgment]:
        return (
            Judgment(query, passage, grade)
            for query, grades in self._grades.items()
            for passage, grade in grades.items()
        )

    def __len__(self) -> int:
        return sum(map(len, self._grades.values()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Judgments) and self._grades == other._grades

    def __repr__(self) -> str:
        return f"Judgments: {len(self)} of {len(self._grades)} queries"


def judgment_rows(path: Path) -> Iterator[tuple[int, Judgment]]:
    """(line number, judgment) of a file in BEIR's form.

    Raises UserError where the header or a column is missing, a grade is no whole number, or a pair has two grades.
    """
    lines = numbered(path, holds=HOLDS)
    number, header = next(lines, (1, ""))
    if header.split("\t")[:3] != ["query-id", "corpus-id", "score"]:
        raise UserError(f"{path}:{number} is not the header; give query-id, corpus-id, score, parted by tabs")
    yield from graded_once(((at, _judgment(line, where=f"{path}:{at}")) for at, line in lines), path)


def graded_once(rows: Iterable[tuple[int, Judgment]], path: Path) -> Iterator[tuple[int, Judgment]]:
    """The judgments of a file, numbered by line. Raises UserError for a pair that is graded again and differently."""
    grades: dict[tuple[str, str], int] = {}
    for number, row in rows:
        if grades.setdefault(row[:2], row.grade) != row.grade:
            raise UserError(
                f"{path}:{number} grades {row.query_id!r} with {row.passage_id!r} again and differently; give one grade"
            )
        yield number, row


def grade_of(written: str, *, where: str) -> int:
    """A grade as it was written. Raises UserError unless it is a whole number that measures can keep tables over."""
    if not _WHOLE.fullmatch(written.strip()):
        raise UserError(f"{where} grades with {written[:60]!r}; give a whole number (above 0: relevant)")
    grade = int(written)
    if abs(grade) > GREATEST_GRADE:
        raise UserError(
            f"{where} grades with {written}; give at most {GREATEST_GRADE}, as measures keep tables over grades"
        )
    return grade


def known_rows(
    rows: Iterable[tuple[int, Judgment]], path: Path, *, queries: Container[str], passages: Container[str]
) -> Iterator[Judgment]:
    """The judgments of a file, numbered by line.

    Raises UserError for one of a query or a passage that is not there.
    """
    for number, row in rows:
        if row.query_id not in queries:
            raise UserError(
                f"{path}:{number} judges query {row.query_id!r}, which is not among the queries; add it there"
            )
        if row.passage_id not in passages:
            raise UserError(
                f"{path}:{number} judges passage {row.passage_id!r}, which the collection lacks; add it there"
            )
        yield row


def some_relevant(rows: Iterable[Judgment], path: Path) -> Judgments:
    """The judgments of a file. Raises UserError if none says that a passage is relevant."""
    judgments = Judgments.of(rows)
    if not any(map(judgments.relevant, judgments.queries)):
        raise UserError(f"{path} judges no passage relevant; give at least one grade above 0")
    return judgments


def _judgment(line: str, *, where: str) -> Judgment:
    """One row: query id, passage id and a whole number."""
    columns = line.split("\t")
    if len(columns) != 3:
        raise UserError(f"{where} has {len(columns)} columns; give query-id, corpus-id, score, parted by tabs")
    for name, text_id in (("query", columns[0]), ("passage", columns[1])):
        if not is_id(text_id):
            raise UserError(
                f"{where} has the {name} id {text_id!r}; give an id that is not empty and holds no white space"
            )
    return Judgment(columns[0], columns[1], grade_of(columns[2], where=where))
