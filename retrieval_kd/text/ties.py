"""Order among equal scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def best_first(rows: NDArray[Any], scores: NDArray[Any], numbers: NDArray[Any]) -> NDArray[np.int64]:
    """The order [row] by list, falling score, and rising number where scores are equal.

    Cheap where the lists are sorted already, as a search returns them: then only ties are touched.
    """
    next_list = rows[1:] > rows[:-1]
    if (next_list | ((rows[1:] == rows[:-1]) & (scores[1:] < scores[:-1]))).all():
        return np.arange(len(rows))
    falling = next_list | ((rows[1:] == rows[:-1]) & (scores[1:] <= scores[:-1]))
    order = np.arange(len(rows)) if falling.all() else np.lexsort((-scores, rows))
    return order[order_ties(rows[order], scores[order], [numbers[order]])]


def has_ties(rows: NDArray[Any], scores: NDArray[Any]) -> bool:
    """Whether two scores of one list are equal; `rows` (which list) and `scores` are sorted already."""
    return bool(((rows[1:] == rows[:-1]) & (scores[1:] == scores[:-1])).any())


def order_ties(rows: NDArray[Any], scores: NDArray[Any], keys: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """The order [row] in which each stretch of equal scores is sorted by the keys, first key first.

    `rows` (which list) and `scores` are sorted already.
    """
    ties = (rows[1:] == rows[:-1]) & (scores[1:] == scores[:-1])
    stretch = np.append(0, np.cumsum(~ties)) if len(rows) else np.zeros(0, np.int64)
    places = np.flatnonzero(np.append(ties, False) | np.append(False, ties)[: len(rows)]) if len(rows) else stretch
    order = np.arange(len(rows))
    order[places] = places[np.lexsort((*(key[places] for key in reversed(keys)), stretch[places]))]
    return order
