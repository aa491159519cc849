"""Runs read beside judgments."""

import numpy as np
from numpy.typing import NDArray

from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run


def grades_of(run: Run, judgments: Judgments, *, unjudged: int = 0) -> NDArray[np.int64]:
    """The grade of each row's passage for its query [row]; `unjudged` where nobody looked.

    Judgments are few and rows many: both are numbered by query and passage, and matched by binary search.
    """
    number_of = {passage_id: number for number, passage_id in enumerate(run.passage_ids)}
    judged = sorted(
        (row * len(number_of) + number_of[passage_id], grade)
        for row, query_id in enumerate(run.query_ids)
        for passage_id, grade in judgments.judged(query_id).items()
        if passage_id in number_of
    )
    if not judged:
        return np.full(len(run.numbers), unjudged)
    pairs, grades = np.array(judged, np.int64).T
    wanted = run.rows * len(number_of) + run.numbers
    at = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    return np.where(pairs[at] == wanted, grades[at], unjudged)
