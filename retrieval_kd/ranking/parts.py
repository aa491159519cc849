"""The best of a collection for some queries, found part by part on disk: a killed search goes on, helpers help."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from retrieval_kd.ranking.best import Best, packed, unpacked
from retrieval_kd.ranking.kept import Kept
from retrieval_kd.ranking.once import make_once
from retrieval_kd.ranking.shards import Shards, Whole, assist, fill

BestOf = Callable[[Iterable[int]], Best]  # positions of passages → the best of them for each query

_PASSAGES_PER_PART = (2048, 65536)  # what a kill may cost; a part keeps `depth` scores and positions a query
_PARTS = 64  # where the collection allows them


@dataclass(frozen=True)
class Parts:
    """A search of a whole collection by a block of queries; `name` tells it from the ranking's other blocks."""

    kept: Kept
    name: str
    queries: int
    passages: int
    depth: int

    def best(self, best_of: BestOf, *, what: str) -> Best:
        """The best of all passages; `what` names them on the bar. The parts are removed as soon as they are merged."""
        best = Best(self.queries, self.depth)
        if self._whole.exists():
            _add(best, np.load(self._whole))
        else:
            parts = fill(self._shards, Whole(lambda rows: _packed(best_of(rows))), what=what)
            for part in range(parts.shards):
                _add(best, parts.shard(part))
            make_once(self._whole, lambda file: np.save(file, _packed(best)), self._whole.exists, wait=True)
        shutil.rmtree(self._shards.folder, ignore_errors=True)
        return best

    def assist(self, best_of: BestOf) -> None:
        """Takes over some of the parts of another process that is at `best`."""
        if not self._whole.exists():
            assist(self._shards, Whole(lambda rows: _packed(best_of(rows))), within=self.kept.within)

    @property
    def _shards(self) -> Shards:
        fewest, most = _PASSAGES_PER_PART
        size = min(max(self.passages // _PARTS, fewest), most)
        return Shards(self._whole.with_suffix(""), self.passages, size, "int32", height=self.queries)

    @property
    def _whole(self) -> Path:
        return self.kept.folder / f"{self.name}-{self.depth}.npy"


def _packed(best: Best) -> np.ndarray:
    return packed(best.scores.cpu().numpy(), best.positions.cpu().numpy())


def _add(best: Best, held: np.ndarray) -> None:
    scores, positions = unpacked(np.array(held))
    best.add(torch.from_numpy(scores), torch.from_numpy(positions))
