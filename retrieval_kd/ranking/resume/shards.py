"""A tall array on disk in shards, each whole or not there: what encoding and scoring leave, and go on from."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from retrieval_kd.io.atomic import locked_write
from retrieval_kd.io.intact import is_intact
from retrieval_kd.ranking.resume.blocks import blocks
from retrieval_kd.text.progress import track

Array = NDArray[Any]
Make = Callable[[Array], Array]  # row numbers [row] → their values [row column]


@dataclass(frozen=True)
class Whole:
    """Makes a shard at once from all of its rows, which pass by one after the other: what they come to together."""

    make: Callable[[Iterable[int]], Array]


@dataclass(frozen=True)
class Shards:
    """[row column] in the files 00000.npy, 00001.npy … of `rows_per_shard` rows each; the last has the rest.

    `rows_at_once` are made together: an encoder sorts them by length. `height`: how many rows a file has where they are
    not one for each row that it is made from.
    """

    folder: Path
    count: int
    rows_per_shard: int
    dtype: str = "float32"
    rows_at_once: int = 1024
    height: int | None = None

    def __len__(self) -> int:
        return self.count

    @property
    def width(self) -> int:
        return int(self.shard(0).shape[1])

    @property
    def shards(self) -> int:
        return -(-self.count // self.rows_per_shard)

    def rows(self, shard: int) -> range:
        """The rows that a shard holds."""
        first = shard * self.rows_per_shard
        return range(first, min(first + self.rows_per_shard, self.count))

    def length(self, shard: int) -> int:
        """How many rows a shard's file has."""
        return len(self.rows(shard)) if self.height is None else self.height

    def path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.npy"

    def shard(self, shard: int) -> Array:
        """A shard as it is on disk, memory-mapped, [row column]."""
        return np.load(self.path(shard), mmap_mode="r")

    def is_whole(self, shard: int) -> bool:
        """Whether the shard's file is there, is what was written, and has the rows asked for."""
        return is_intact(self.path(shard)) and self._fits(shard)

    def _fits(self, shard: int) -> bool:
        rows = self.shard(shard)
        return len(rows) == self.length(shard) and rows.dtype == self.dtype

    def blocks(self, rows_per_block: int, *, within: range | None = None) -> Iterator[tuple[int, Array]]:
        """(first row, float32 [row column]) of the array in order, or of those rows; what is float32 on disk is not
        copied.
        """
        within = range(self.count) if within is None else within
        for shard in range(within.start // self.rows_per_shard, -(-within.stop // self.rows_per_shard)):
            array, shard_rows = self.shard(shard), self.rows(shard)
            rows = range(max(shard_rows.start, within.start), min(shard_rows.stop, within.stop))
            for first in range(rows.start, rows.stop, rows_per_block):
                block = array[first - shard_rows.start : min(first + rows_per_block, rows.stop) - shard_rows.start]
                yield first, np.asarray(block, dtype=np.float32)

    def sample(self, most: int) -> Array:
        """At most so many rows, evenly spaced, float32."""
        step = max(1, -(-self.count // most))
        return np.concatenate([block[-first % step :: step] for first, block in self.blocks(self.rows_per_shard)])


def fill(shards: Shards, make: Make | Whole, *, label: str) -> Shards:
    """Make the shards that are missing or cut short; `label` names the rows on the bar.

    Each is written aside and renamed, so a kill costs one shard at most. Processes that do this at once share the work:
    a shard that another is making is passed over, and waited for at the end.
    """
    shards.folder.mkdir(parents=True, exist_ok=True)
    missing = [shard for shard in range(shards.shards) if not shards.is_whole(shard)]
    total = sum(len(shards.rows(shard)) for shard in missing)
    stream = track((row for shard in missing for row in shards.rows(shard)), total=total, label=label)
    for shard in missing:
        rows = islice(stream, len(shards.rows(shard)))
        _make_one(shards, shard, rows, make, wait=False)
        deque(rows, maxlen=0)
    for shard in missing:
        _make_one(shards, shard, shards.rows(shard), make, wait=True)
    return shards


def assist(shards: Shards, make: Make | Whole, *, within: Path) -> None:
    """Make shards that another process is to fill and nobody is making yet, the last ones first. Nothing is waited for;
    where that process has done and put the folder away (or that `within` which it lies), nothing is made.
    """
    with suppress(FileNotFoundError):
        place = within
        for name in shards.folder.relative_to(within).parts:
            place = place / name
            place.mkdir(exist_ok=True)
        for shard in reversed(range(shards.shards)):
            if not shards.is_whole(shard):
                _make_one(shards, shard, shards.rows(shard), make, wait=False)


def _make_one(shards: Shards, shard: int, rows: Iterable[int], make: Make | Whole, *, wait: bool) -> None:
    """Make a shard unless it is there, or another process is at it (then wait for that one, if asked to)."""

    def write(file: BinaryIO) -> None:
        _write(file, shards, shard, _parts(rows, make, shards.rows_at_once))

    locked_write(shards.path(shard), write, wait=wait, fits=lambda: shards.is_whole(shard))


def _parts(rows: Iterable[int], make: Make | Whole, at_once: int) -> Iterator[Array]:
    """What a shard is made of, in order."""
    if isinstance(make, Whole):
        yield make.make(rows)
    else:
        yield from (make(np.array(block)) for block in blocks(rows, at_once))


def _write(file: BinaryIO, shards: Shards, shard: int, parts: Iterable[Array]) -> None:
    """A shard from its parts in order, of which one at a time is in memory."""
    for number, part in enumerate(parts):
        if not number:
            shape = (shards.length(shard), part.shape[1])
            descr = npy.dtype_to_descr(np.dtype(shards.dtype))
            npy.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
        file.write(np.ascontiguousarray(part, shards.dtype).data)
