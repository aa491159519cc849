"""Scores of listed pairs: made at once, or in shards on disk where there is a folder for them."""

from pathlib import Path

import numpy as np

from retrieval_kd.ranking.resume.blocks import blocks
from retrieval_kd.ranking.resume.shards import Make, Shards, assist, fill
from retrieval_kd.text.progress import track

_PAIRS_AT_ONCE = 1024  # what an encoder sorts by length together
_PAIRS_PER_SHARD = 16384  # what a kill may cost


def scores_of(make: Make, count: int, folder: Path | None, *, label: str, at_once: int | None = None) -> np.ndarray:
    """The one column that `make` makes of some pairs at once, [pair]; `label` names the pairs on the bar."""
    if folder is not None:
        shards = fill(_shards(count, folder, at_once), make, label=label)
        parts = [block for _, block in shards.blocks(_PAIRS_PER_SHARD)]
    else:
        pairs = track(range(count), total=count, label=label)
        parts = [make(np.array(block)) for block in blocks(pairs, at_once or _PAIRS_AT_ONCE)]
    return np.concatenate([np.zeros((0, 1), np.float32), *parts])[:, 0]


def assist_scores(make: Make, count: int, folder: Path, *, within: Path, at_once: int | None = None) -> None:
    """Takes over some of the pairs of another process that is at `scores_of` with this folder."""
    assist(_shards(count, folder, at_once), make, within=within)


def _shards(count: int, folder: Path, at_once: int | None) -> Shards:
    return Shards(folder, count, _PAIRS_PER_SHARD, rows_at_once=at_once or _PAIRS_AT_ONCE)
