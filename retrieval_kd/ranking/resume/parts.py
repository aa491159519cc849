"""The best of a collection for some queries, found part by part on disk: a killed search goes on, helpers help."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from retrieval_kd.io.atomic import locked_write
from retrieval_kd.io.intact import is_intact
from retrieval_kd.ranking.resume.scratch import RankingScratch
from retrieval_kd.ranking.resume.shards import Shards, Whole, assist, fill
from retrieval_kd.ranking.top_k import TopK, packed, unpacked

TopKOf = Callable[[Iterable[int]], TopK]  # positions of passages → the best of them for each query

_PASSAGES_PER_PART = (2048, 65536)  # what a kill may cost; a part keeps `depth` scores and positions a query
_PARTS = 64  # where the collection allows them


@dataclass(frozen=True)
class Parts:
    """A search of a whole collection by a block of queries; `name` tells it from the ranking's other blocks."""

    scratch: RankingScratch
    name: str
    queries: int
    passages: int
    depth: int

    def best(self, best_of: TopKOf, *, label: str) -> TopK:
        """The best of all passages; `label` names them on the bar. The parts are removed as soon as they are merged."""
        best = TopK(self.queries, self.depth)
        if is_intact(self._merged_file):
            _add(best, np.load(self._merged_file))
        else:
            parts = fill(self._shards, Whole(lambda rows: _packed(best_of(rows))), label=label)
            for part in range(parts.shards):
                _add(best, parts.shard(part))
            locked_write(self._merged_file, lambda file: np.save(file, _packed(best)), wait=True)
        shutil.rmtree(self._shards.folder, ignore_errors=True)
        return best

    def assist(self, best_of: TopKOf) -> None:
        """Takes over some of the parts of another process that is at `best`."""
        if not is_intact(self._merged_file):
            assist(self._shards, Whole(lambda rows: _packed(best_of(rows))), within=self.scratch.within)

    @property
    def _shards(self) -> Shards:
        fewest, most = _PASSAGES_PER_PART
        size = min(max(self.passages // _PARTS, fewest), most)
        return Shards(self._merged_file.with_suffix(""), self.passages, size, "int32", height=self.queries)

    @property
    def _merged_file(self) -> Path:
        return self.scratch.folder / f"{self.name}-{self.depth}.npy"


def _packed(best: TopK) -> np.ndarray:
    return packed(best.scores.cpu().numpy(), best.positions.cpu().numpy())


def _add(best: TopK, columns: np.ndarray) -> None:
    scores, positions = unpacked(np.array(columns))
    best.add(torch.from_numpy(scores), torch.from_numpy(positions))
