"""Texts as numbers: word pieces on disk (`Ragged`), the form a scorer asks for (`Tokenisation`), padded tensors
(`Tokens`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from retrieval_kd.text.fault import Fault


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

    def take(self, numbers: np.ndarray) -> "Ragged":
        """The texts of these numbers, in this order; -1 gives an empty text."""
        lengths = np.where(numbers < 0, 0, self.offsets[numbers + 1] - self.offsets[numbers])
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.where(numbers < 0, 0, self.offsets[numbers])
        where = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(np.asarray(self.ids[where], dtype=np.int32), offsets)

    def filled(self, numbers: np.ndarray, texts: "Ragged") -> "Ragged":
        """With `texts` in the place of the empty texts of these rising numbers."""
        lengths = np.diff(self.offsets)
        lengths[numbers] = np.diff(texts.offsets)
        new = np.repeat(np.isin(np.arange(len(self)), numbers), lengths)
        ids = np.empty(len(new), dtype=np.int32)
        ids[new], ids[~new] = texts.ids, self.ids
        return Ragged(ids, np.concatenate([[0], np.cumsum(lengths)]))


class Frame(NamedTuple):
    """The fixed pieces around a text: what opens it, what closes it, how many pieces it may have, and its padding piece
    (or -1).
    """

    opening: tuple[int, ...]
    closing: tuple[int, ...]
    length: int
    fill: int = -1


@dataclass(frozen=True)
class Tokenisation:
    """How a scorer wants its texts written; two scorers with equal ones share the tokens.

    `layout`: query and passage `apart`, or `joined` in one text without tokenising again. Lengths are in tokens,
    specials included; a joined pair has at most query_length + passage_length. A marker is ordinary text before the
    query or passage ("[Q]" becomes three word pieces for BERT, as in TCT-ColBERT) or a token of the vocabulary.
    `pad_queries` fills a query up to its length with [MASK], and those positions count as words. `close` ends a text
    with [SEP].
    """

    tokenizer: str
    layout: Literal["apart", "joined"] = "apart"
    query_length: int = 32
    passage_length: int = 256
    query_marker: str | None = None
    passage_marker: str | None = None
    pad_queries: bool = False
    close: bool = True
    folder: str = field(default="", compare=False, repr=False)

    def frames(self) -> tuple[Frame, Frame]:
        """The frame of a query and that of a passage; joined, a pair is the query in its frame, then the passage in its
        own.
        """
        words = vocabulary(self.folder)
        closing = (words.sep,) if self.close else ()
        query = Frame(
            (words.cls, *words.pieces(self.query_marker)),
            closing,
            self.query_length,
            words.mask if self.pad_queries else -1,
        )
        opening = () if self.layout == "joined" else (words.cls,)
        passage = Frame((*opening, *words.pieces(self.passage_marker)), closing, self.passage_length)
        for name, frame in (("query_length", query), ("passage_length", passage)):
            if frame.length <= len(frame.opening) + len(frame.closing):
                raise Fault(
                    f"{name}={frame.length} leaves no room for a word beside its special tokens: give a longer one"
                )
        return query, passage


def write(texts: Ragged, frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put each text into its frame: ids, mask and word, each [text token], cut to the frame's length; an empty text
    stays empty.
    """
    room = frame.length - len(frame.opening) - len(frame.closing)
    lengths = np.minimum(np.diff(texts.offsets), room)
    some = lengths > 0
    filled = np.where(some, room, 0) if frame.fill >= 0 else lengths
    total = np.where(some, filled + len(frame.opening) + len(frame.closing), 0)
    column = np.arange(max(int(total.max(initial=0)), len(frame.opening), 1))
    inside = column - len(frame.opening)
    mask = column < total[:, None]
    word = (inside >= 0) & (inside < filled[:, None])
    real = (inside >= 0) & (inside < lengths[:, None])
    ids = np.zeros(mask.shape, dtype=np.int64)
    ids[:, : len(frame.opening)] = frame.opening
    if frame.fill >= 0:
        ids[word] = frame.fill
    ids[real] = texts.ids[(texts.offsets[:-1, None] + inside)[real]]
    for place, piece in enumerate(frame.closing):
        ids[some, (total - len(frame.closing) + place)[some]] = piece
    return np.where(mask, ids, 0), mask, word


def apart(texts: Ragged, frame: Frame) -> Tokens:
    """Texts of one side in their frame, padded to the longest; [text token]."""
    ids, mask, word = write(texts, frame)
    return Tokens(
        torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(word), torch.zeros(ids.shape, dtype=torch.int64)
    )


def joined(queries: Ragged, passages: Ragged, frames: tuple[Frame, Frame]) -> Tokens:
    """Row i of the queries followed by row i of the passages, [pair token]; a pair that lacks one of them is empty."""
    left, right = write(queries, frames[0]), write(passages, frames[1])
    some = np.asarray(left[1].any(axis=1) & right[1].any(axis=1))
    start, size = left[1].sum(axis=1) * some, right[1].sum(axis=1) * some
    width = max(int((start + size).max(initial=0)), 1)
    ids, mask, word, segment = (np.zeros((len(some), width), dtype=kind) for kind in (np.int64, bool, bool, np.int64))
    cut = min(width, left[0].shape[1])
    for out, part in zip((ids, mask, word), left, strict=True):
        out[:, :cut] = np.where(some[:, None], part[:, :cut], 0)
    row, column = np.nonzero(right[1] & some[:, None])
    place = start[row] + column
    for out, part in zip((ids, mask, word), right, strict=True):
        out[row, place] = part[row, column]
    segment[row, place] = 1
    return Tokens(*map(torch.from_numpy, (ids, mask, word, segment)))


class Vocabulary:
    """A tokenizer's special pieces, and its raw word pieces of texts; read from a folder with `transformers`' fast
    tokenizer.
    """

    def __init__(self, folder: str) -> None:
        from transformers import AutoTokenizer  # here, so that planning does not import it

        self._tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
        self.cls, self.sep, self.mask = (
            self._special(name) for name in ("cls_token_id", "sep_token_id", "mask_token_id")
        )
        self.mask_text: str = self._tokenizer.mask_token  # the mask as it is written in a text

    def _special(self, name: str) -> int:
        piece = getattr(self._tokenizer, name)
        if piece is None:
            raise Fault(
                f"the tokenizer has no {name.removesuffix('_id')}: give the backbone of an encoder such as BERT"
            )
        return int(piece)

    def pieces(self, marker: str | None) -> tuple[int, ...]:
        return () if marker is None else tuple(self.ragged([marker]).ids.tolist())

    def ragged(self, texts: Sequence[str]) -> Ragged:
        backend = self._tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        return Ragged.of(
            [encoding.ids for encoding in backend.encode_batch_fast(list(texts), add_special_tokens=False)]
        )


@lru_cache(maxsize=8)
def vocabulary(folder: str) -> Vocabulary:
    """The vocabulary of a folder, read once a process."""
    return Vocabulary(folder)
