"""Word pieces of many texts, as they lie on disk."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """Word pieces of many texts end to end, without special tokens and not cut: text i is ids[offsets[i]:offsets[i +
    1]].
    """

    ids: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]]) -> "Ragged":
        lengths = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
        ids = np.fromiter((piece for text in texts for piece in text), dtype=np.int32, count=int(lengths.sum()))
        return cls(ids, np.concatenate([[0], np.cumsum(lengths)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> np.ndarray:
        return self.ids[self.offsets[number] : self.offsets[number + 1]]

    def spans(self, numbers: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Where the texts of these numbers (null: all) begin, and their lengths; -1 gives an empty text."""
        offsets = np.asarray(self.offsets)  # of a memory map, each index would make a memory map
        if numbers is None:
            return offsets[:-1], np.diff(offsets)
        starts = offsets[numbers]
        return starts, np.maximum(offsets[numbers + 1] - starts, 0)  # for -1: the first offset less the last one

    def take(self, numbers: np.ndarray) -> "Ragged":
        """The texts of these numbers, in this order; -1 gives an empty text."""
        starts, lengths = self.spans(numbers)
        where = places(starts, lengths)
        return Ragged(np.asarray(self.ids)[where], np.concatenate([[0], np.cumsum(lengths)]))

    def filled(self, numbers: np.ndarray, texts: "Ragged") -> "Ragged":
        """With `texts` in the place of the empty texts of these rising numbers."""
        lengths = np.diff(self.offsets)
        lengths[numbers] = np.diff(texts.offsets)
        new = np.repeat(np.isin(np.arange(len(self)), numbers), lengths)
        ids = np.empty(len(new), dtype=np.int32)
        ids[new], ids[~new] = texts.ids, self.ids
        return Ragged(ids, np.concatenate([[0], np.cumsum(lengths)]))


def places(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The indices of spans, end to end."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)
