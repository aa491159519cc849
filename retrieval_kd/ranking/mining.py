"""Which of a ranking's passages are mined as candidates: by ranks, by judgments, for confusing queries."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from retrieval_kd.errors import UserError
from retrieval_kd.text.graded import grades_of
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run
from retrieval_kd.text.select import UNJUDGED, confusing, window


class Selection(ABC):
    """Chooses from rankings of `depth` passages. Judged positives are still in them; `ranker.mine` drops them after."""

    depth: int

    @abstractmethod
    def choose(self, run: Run, judgments: Judgments) -> Run:
        """The selected part of the ranker's run."""

    def unknown(self, query_ids: Iterable[str]) -> list[str]:
        """The queries of which it selects nothing, whatever the ranker returns."""
        return []


class All(Selection):
    """Every rank."""

    def __init__(self, *, depth: int) -> None:
        self.depth = _ranks("depth", (1, depth))[1]

    def choose(self, run: Run, judgments: Judgments) -> Run:
        return run


class Hard(Selection):
    """Ranks `first` to `last`, as the ranker gave them; `drop_judged` leaves out what was judged irrelevant as well."""

    def __init__(self, *, first: int, last: int, drop_judged: bool) -> None:
        self.first, self.depth = _ranks("first, last", (first, last))
        self.drop_judged = drop_judged

    def choose(self, run: Run, judgments: Judgments) -> Run:
        selected = window(run, self.first, self.depth)
        return (
            selected.keep(grades_of(selected, judgments, unjudged=UNJUDGED) == UNJUDGED)
            if self.drop_judged
            else selected
        )


class Confusing(Selection):
    """The student's first k irrelevant passages for queries at which it errs and the teacher does not.

    `path` is the teacher's run, which may be over other queries. A query stays if its first relevant passage has a rank
    within `student_window` here and within `teacher_window` there, better there than here with `teacher_ahead`
    (text.select.confusing; PROD's data progressive distillation); the nearest ones join where fewer than `fewest` do.
    """

    def __init__(
        self,
        *,
        path: str,
        depth: int,
        student_window: Sequence[int],
        teacher_window: Sequence[int],
        k: int,
        teacher_ahead: bool = False,
        fewest: int = 0,
    ) -> None:
        self.teacher = Run.read(Path(path))
        self.depth, self.k = _ranks("depth", (1, depth))[1], _ranks("k", (1, k))[1]
        self.student_window = _ranks("student_window", student_window)
        self.teacher_window = _ranks("teacher_window", teacher_window)
        self.teacher_ahead = teacher_ahead
        if fewest < 0:
            raise UserError(f"mining.fewest={fewest}: give 0 or a number of queries")
        self.fewest = fewest

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        if node["teacher_window"][-1] >= node["student_window"][0] or node["fewest"]:
            return {}
        why = f"every rank in {at}.teacher_window={node['teacher_window']} is better than any in {at}.student_window"
        return {"teacher_ahead": f"{why}; give windows that overlap, as [1,15] and [1,200]"}

    def choose(self, run: Run, judgments: Judgments) -> Run:
        return confusing(
            run,
            self.teacher,
            judgments,
            student_window=self.student_window,
            teacher_window=self.teacher_window,
            teacher_ahead=self.teacher_ahead,
            k=self.k,
            fewest=self.fewest,
        )

    def unknown(self, query_ids: Iterable[str]) -> list[str]:
        known = frozenset(self.teacher.query_ids)
        return [query_id for query_id in query_ids if query_id not in known]


def _ranks(name: str, ranks: Sequence[int]) -> tuple[int, int]:
    """(first, last) rank. Raises UserError if they are none."""
    if len(ranks) != 2 or not 1 <= ranks[0] <= ranks[1]:
        raise UserError(f"{name}={list(ranks)}: give ranks from 1 on, the first not after the last")
    return ranks[0], ranks[1]
