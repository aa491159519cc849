"""Texts as a scorer reads them: the form it asks for (`Tokenisation`) and padded tensors (`Tokens`)."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.errors import UserError

Place = Literal["after", "first"]  # of a marker: behind [CLS], or in its place
Join = Literal["blank", "separator"]  # what stands between a passage's title and its text


@dataclass(frozen=True)
class Tokens:
    """Padded texts. `mask`: a real token; `word`: real and neither special nor marker; `segment`: 1 on a pair's passage
    side.
    """

    ids: Int[Tensor, "*lead token"]
    mask: Bool[Tensor, "*lead token"]
    word: Bool[Tensor, "*lead token"]
    segment: Int[Tensor, "*lead token"]

    def flat(self) -> "Tokens":
        """The same texts with all leading axes joined into one."""
        return Tokens(*(part.flatten(0, -2) for part in (self.ids, self.mask, self.word, self.segment)))

    def fold(self, *lead: int) -> "Tokens":
        """The same texts with their leading axis split into these."""
        return Tokens(*(part.reshape(*lead, part.shape[-1]) for part in (self.ids, self.mask, self.word, self.segment)))

    def to(self, device: torch.device | str) -> "Tokens":
        return Tokens(*(part.to(device, non_blocking=True) for part in (self.ids, self.mask, self.word, self.segment)))

    def pin_memory(self) -> "Tokens":
        return Tokens(*(part.pin_memory() for part in (self.ids, self.mask, self.word, self.segment)))


class Frame(NamedTuple):
    """The fixed pieces around a text: what opens it, what closes it, how many pieces it may have, and its padding piece
    (or -1). Those of `parting` are no words where they stand inside it.
    """

    opening: tuple[int, ...]
    closing: tuple[int, ...]
    length: int
    fill: int = -1
    parting: tuple[int, ...] = ()


@dataclass(frozen=True)
class Tokenisation:
    """How a scorer wants its texts written; two scorers with equal ones share the tokens.

    `layout`: query and passage `apart`, or `joined` in one text without tokenising again. Lengths are in tokens,
    specials included; a joined pair has at most query_length + passage_length. A marker is ordinary text before the
    query or passage ("[Q]" becomes three word pieces for BERT) or a token of the vocabulary, behind [CLS] or in its
    place.
    `pad_queries` fills a query up to its length with [MASK], behind its [SEP], and those positions count as words.
    `close` ends a text with [SEP]. `join` says what parts a passage's title from its text, where it has both: a blank,
    or the piece that the tokenizer puts between two texts, which is no word.
    """

    tokenizer: str
    layout: Literal["apart", "joined"] = "apart"
    query_length: int = 32
    passage_length: int = 256
    query_marker: str | None = None
    passage_marker: str | None = None
    marker_at: Place = "after"
    pad_queries: bool = False
    close: bool = True
    join: Join = "blank"
    folder: str = field(default="", compare=False, repr=False)

    def frames(self) -> tuple[Frame, Frame]:
        """The frame of a query and that of a passage; joined, a pair is the query in its frame, then the passage in its
        own.
        """
        words, fill = vocabulary(self.folder), -1
        parting = words.pair[1] if self.join == "separator" else ()
        query_pieces, passage_pieces = words.pieces(self.query_marker), words.pieces(self.passage_marker)
        if self.pad_queries:
            fill = words.mask
        if self.layout == "joined":
            opening, between, closing = words.pair
            query = Frame((*opening, *query_pieces), between, self.query_length, fill)
            passage = Frame(passage_pieces, closing if self.close else (), self.passage_length, parting=parting)
        else:
            closing = (words.sep,) if self.close else ()
            query = Frame(self._opening(words.cls, query_pieces), closing, self.query_length, fill)
            passage = Frame(self._opening(words.cls, passage_pieces), closing, self.passage_length, parting=parting)
        for name, frame in (("query_length", query), ("passage_length", passage)):
            if frame.length <= len(frame.opening) + len(frame.closing):
                raise UserError(
                    f"{name}={frame.length} leaves no room for a word beside its special tokens: give a longer one"
                )
        return query, passage

    def _opening(self, cls: int, marker: tuple[int, ...]) -> tuple[int, ...]:
        return marker if marker and self.marker_at == "first" else (cls, *marker)


def write(
    texts: Ragged, frame: Frame, numbers: np.ndarray | None = None, *, present: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put each text (of these numbers; null: all) into its frame: ids, mask and word, each [text token], cut to the
    frame's length, and filled up behind its closing pieces; an empty text stays empty, but where it is `present` has
    its frame alone.
    """
    before, after = len(frame.opening), len(frame.closing)
    room = frame.length - before - after
    starts, lengths = texts.spans(numbers)
    lengths = np.minimum(lengths, room).astype(np.int32)
    longest, filled_in = int(lengths.max(initial=0)), lengths > 0 if present is None else present
    filled = filled_in * np.int32(room) if frame.fill >= 0 else lengths
    total = (filled + (before + after)) * filled_in
    column = np.arange(max(int(total.max(initial=0)), before, 1), dtype=np.int32)
    mask = column < total[:, None]
    word = real = _column_mask(column, before, lengths)
    ids = np.zeros(mask.shape, dtype=np.int64)
    if frame.fill >= 0:
        behind = mask & (column >= (lengths + (before + after))[:, None])
        word = real | behind
        ids[behind] = frame.fill
    if longest:
        inside = slice(before, before + longest)
        np.copyto(ids[:, inside], _rows(np.asarray(texts.ids), starts, longest), where=real[:, inside])
    row = filled_in.nonzero()[0]
    for place, piece in enumerate(frame.closing):
        ids[row, lengths[row] + (before + place)] = piece
    if len(row) == len(ids):
        ids[:, :before] = frame.opening
    else:
        ids[row, :before] = frame.opening
    for piece in set(frame.parting):
        word = word & (ids != piece)
    return ids, mask, word


def _column_mask(column: np.ndarray, first: int, lengths: np.ndarray) -> np.ndarray:
    """[text token]: so many columns from the first one on."""
    mask = column < (lengths + first)[:, None]
    mask[:, :first] = False
    return mask


def _rows(ids: np.ndarray, starts: np.ndarray, width: int) -> np.ndarray:
    """So many pieces from each start on, whatever text they are of: copied by rows, which no array of indices is."""
    last = len(ids) - width
    windows = np.ndarray((last + 1, width), ids.dtype, ids, strides=ids.strides * 2)
    rows = windows[np.minimum(starts, last)]
    for row in (starts > last).nonzero()[0]:
        rows[row, : len(ids) - starts[row]] = ids[starts[row] :]
    return rows


def apart(texts: Ragged, frame: Frame, numbers: np.ndarray | None = None) -> Tokens:
    """Texts of one side in their frame, padded to the longest, [text token]; or those of these numbers, [* token]."""
    parts = write(texts, frame, None if numbers is None else numbers.reshape(-1))
    shape = (-1,) if numbers is None else numbers.shape
    ids, mask, word = (part.reshape(*shape, part.shape[-1]) for part in parts)
    return Tokens(*map(torch.from_numpy, (ids, mask, word, np.zeros(ids.shape, dtype=np.int64))))


def joined(
    queries: Ragged, passages: Ragged, frames: tuple[Frame, Frame], *, present: np.ndarray | None = None
) -> Tokens:
    """Row i of the queries followed by row i of the passages, [pair token]; a pair that lacks one of them is empty, but
    a passage without words that is `present` (null: none is) has its frame, or is the query alone where that is empty,
    since a scorer must say something of it.
    """
    left = write(queries, frames[0])
    listed = np.diff(passages.offsets) > 0
    if present is not None:
        listed |= present
    right = write(passages, frames[1], present=listed)
    both = np.asarray(left[1].any(axis=1) & listed)
    start, size = left[1].sum(axis=1) * both, right[1].sum(axis=1) * both
    width = max(int((start + size).max(initial=0)), 1)
    ids, mask, word, segment = (np.zeros((len(both), width), dtype=kind) for kind in (np.int64, bool, bool, np.int64))
    cut = min(width, left[0].shape[1])
    for out, part in zip((ids, mask, word), left, strict=True):
        out[:, :cut] = np.where(both[:, None], part[:, :cut], 0)
    row, column = np.nonzero(right[1] & both[:, None])
    place = start[row] + column
    for out, part in zip((ids, mask, word), right, strict=True):
        out[row, place] = part[row, column]
    segment[row, place] = 1
    return Tokens(*map(torch.from_numpy, (ids, mask, word, segment)))
