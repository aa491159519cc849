"""Selections of a run's rows: run → run, by ranks and judgments only."""

from typing import NamedTuple

import numpy as np

from retrieval_kd.errors import UserError
from retrieval_kd.text.graded import grades_of
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run

UNJUDGED = -(2**31)  # the grade of a passage that nobody looked at


class Window(NamedTuple):
    """Ranks from first to last, both included, the best being 1."""

    first: int
    last: int


def window(run: Run, first: int, last: int) -> Run:
    """The rows at ranks `first` to `last`, both included, the best being 1.

    Raises UserError for a window that holds no rank.
    """
    _check(Window(first, last))
    return run.keep((run.ranks >= first) & (run.ranks <= last))


def without(run: Run, judgments: Judgments) -> Run:
    """The rows whose passage nobody judged relevant to the row's query: candidates for negatives."""
    return run.keep(grades_of(run, judgments) <= 0)


def only_judged(run: Run, judgments: Judgments) -> Run:
    """The rows somebody looked at, relevant or not."""
    return run.keep(grades_of(run, judgments, unjudged=UNJUDGED) != UNJUDGED)


def confusing(
    student_run: Run,
    teacher_run: Run,
    judgments: Judgments,
    *,
    student_window: tuple[int, int] = (2, 15),
    teacher_window: tuple[int, int] = (1, 1),
    teacher_ahead: bool = False,
    k: int = 15,
    fewest: int = 0,
) -> Run:
    """Of the queries that confuse the student and not the teacher, the student's first k irrelevant passages in order.

    A query stays if the best rank of a relevant passage lies in `student_window` in the student's list and in
    `teacher_window` as the teacher ranks that list (both ends included); what else the teacher's run has is left out.
    With `teacher_ahead` the teacher's rank must also be better than the student's. The others are left out; the
    caller reports how many. Where fewer than `fewest` stay, those with the fewest ranks to go join them.

    Source: PROD's data progressive distillation (Lin et al. 2023, section 3.3); windows and k of its released code
    for MS MARCO. For NQ that code has a teacher ahead, in ranks 1 to 15, and any rank of the student's
    (dataset_division_nq.py). Differs: it has no `fewest` (0), which a small collection needs.
    """
    _check(Window(*student_window))
    _check(Window(*teacher_window))
    student_rank = _first_relevant(student_run, judgments)
    teacher_rank = _first_relevant(_of_its_lists(teacher_run, student_run), judgments)
    distance = {
        query_id: _ranks_to_window(rank, student_window)
        + _ranks_to_window(teacher_rank[query_id], teacher_window)
        + (max(teacher_rank[query_id] - rank + 1, 0) if teacher_ahead else 0)
        for query_id, rank in student_rank.items()
        if query_id in teacher_rank
    }
    nearest = sorted(distance, key=distance.__getitem__)[:fewest]
    confused = [query_id for query_id, ranks in distance.items() if not ranks or query_id in nearest]
    return without(student_run.only(confused), judgments).top(k)


def _of_its_lists(run: Run, listed: Run) -> Run:
    """The rows of a run whose passage the other one lists for the same query."""
    pairs = {
        (listed.query_ids[row], listed.passage_ids[number])
        for row, number in zip(*_rows_and_numbers(listed), strict=True)
    }
    is_listed = [
        (run.query_ids[row], run.passage_ids[number]) in pairs
        for row, number in zip(*_rows_and_numbers(run), strict=True)
    ]
    return run.keep(np.array(is_listed, dtype=bool))


def _rows_and_numbers(run: Run) -> tuple[list[int], list[int]]:
    return run.rows.tolist(), run.numbers.tolist()


def _ranks_to_window(rank: int, window: tuple[int, int]) -> int:
    """How many ranks lie between a rank and a window; 0 within it."""
    return max(window[0] - rank, rank - window[1], 0)


def _check(ranks: Window) -> None:
    """Raise UserError for a window that holds no rank."""
    if not 1 <= ranks.first <= ranks.last:
        raise UserError(f"the window of ranks is {list(ranks)}; give the first and the last rank, 1 ≤ first ≤ last")


def _first_relevant(run: Run, judgments: Judgments) -> dict[str, int]:
    """query id → the best rank of a relevant passage; queries whose list has none are left out."""
    relevant = grades_of(run, judgments) > 0
    hits, rank_of = run.keep(relevant), run.ranks[relevant]
    return {query_id: int(rank_of[start]) for query_id, start in zip(hits.query_ids, hits.offsets, strict=False)}
