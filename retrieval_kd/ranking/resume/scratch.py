"""What a ranking keeps on disk until it is whole: a killed one goes on from there, and helpers read what they need."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retrieval_kd.io.atomic import atomic_write
from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.run import Run

CANDIDATES = "candidates.trec"
_DEPTH = "depth"


@dataclass(frozen=True)
class RankingScratch:
    """The folder of one ranking. It lies in `within`, which the caller removes when the ranking is whole."""

    folder: Path
    within: Path

    @classmethod
    def of(cls, scratch: Path | None, *words: str) -> "RankingScratch | None":
        """That of the ranking which these words tell from others; None where there is no place for any."""
        if scratch is None:
            return None
        return cls(scratch / hashlib.sha256("\n".join(words).encode()).hexdigest()[:16], scratch)

    def write_depth(self, depth: int) -> None:
        """Let helpers know how deep is ranked, and that they may begin."""
        with atomic_write(self.folder / _DEPTH) as file:
            file.write(str(depth))

    def wait_for_depth(self) -> int | None:
        """What `write_depth` says, as soon as it does; None where it no longer will."""
        path = self.wait_for(_DEPTH)
        return None if path is None else int(path.read_text(encoding="utf-8"))

    def wait_for(self, name: str) -> Path | None:
        """The file, as soon as the process that ranks has written it; None where that has put the folder away."""
        path = self.folder / name
        while self.within.is_dir() and not path.exists():
            time.sleep(0.2)
        return path if path.exists() else None


def assist_candidates(
    ranker: Ranker, queries: Mapping[str, str], collection: Collection, scratch: RankingScratch | None
) -> None:
    """Takes over some of what the ranker of `candidates_of` has to do, unless its lists are there already."""
    if scratch is None or not (scratch.folder / CANDIDATES).exists():
        ranker.assist(queries, collection)


def candidates_of(
    ranker: Ranker, queries: Mapping[str, str], collection: Collection, depth: int, scratch: RankingScratch | None
) -> Run:
    """The lists that another ranker proposes; written down, so that a resumed ranking and its helpers score the same
    ones.
    """
    if scratch is None:
        return ranker.rank(queries, collection, depth)
    path = scratch.folder / CANDIDATES
    if not path.exists():
        ranker.rank(queries, collection, depth).write(path)
    return Run.read(path)
