"""A frozen scorer's tensors of texts, cached on disk: computed once, read by every later step, stage and recipe."""

import hashlib
import itertools
import logging
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.io.atomic import atomic_write_bytes

_log = logging.getLogger(__name__)

_KEY = np.dtype("S16")


class EmbeddingCache:
    """Rows of numbers by the content of the text that they were made of: a folder of segments, each whole or not there.

    A key is the 128-bit BLAKE2b digest of a text's pieces (and of how many of them are a pair's second side). What is
    new goes to disk when `write` is called, as one segment; a killed process loses what came since. What others write
    meanwhile is seen at the next opening.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._where: dict[bytes, tuple[int, int]] = {}
        self._segments: list[np.ndarray] = []
        self._new: dict[bytes, np.ndarray] = {}
        for path in sorted(folder.glob("*.npz")):
            self._add_segment(path)

    def __len__(self) -> int:
        return len(self._where) + len(self._new)

    def known(self, keys: list[bytes]) -> np.ndarray:
        """Which of the keys are there [text]."""
        return np.array([key in self._where or key in self._new for key in keys], dtype=bool)

    def recall(self, keys: list[bytes]) -> np.ndarray:
        """The rows of known keys, float32 [text …]."""
        return np.stack([self._row(key) for key in keys])

    def add(self, keys: list[bytes], rows: np.ndarray) -> None:
        """Keeps new rows, in memory until `write`."""
        for key, row in zip(keys, rows, strict=True):
            self._new.setdefault(key, row)

    def write(self) -> None:
        """Puts what is new on disk, aside and renamed."""
        if not self._new:
            return
        keys, values = np.array(list(self._new), dtype=_KEY), np.stack(list(self._new.values()))
        names = (self.folder / f"{os.getpid()}-{number}.npz" for number in itertools.count())
        path = next(path for path in names if not path.exists())
        with atomic_write_bytes(path) as file:
            np.savez(file, keys=keys, values=values)
        self._add(keys, values)
        self._new = {}

    def _add_segment(self, path: Path) -> None:
        """Adds a segment; removes one that is damaged, which the checksums of its zip archive tell."""
        try:
            with np.load(path) as stored:
                keys, values = stored["keys"], stored["values"]
        except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError) as error:
            _log.warning("%s is not what was written there (%s): what it held is computed again", path, error)
            path.unlink(missing_ok=True)
        else:
            self._add(keys, values)

    def _add(self, keys: np.ndarray, values: np.ndarray) -> None:
        place = len(self._segments)
        self._segments.append(values)
        padded = (bytes(key).ljust(_KEY.itemsize, b"\0") for key in keys)
        self._where.update((key, (place, row)) for row, key in enumerate(padded))

    def _row(self, key: bytes) -> np.ndarray:
        if key in self._new:
            return np.asarray(self._new[key])
        segment, row = self._where[key]
        return np.asarray(self._segments[segment][row])


def keys_of(tokens: Tokens) -> list[bytes]:
    """A key for each text [text token]; padding does not enter it."""
    ids, lengths = tokens.ids.numpy().astype(np.int32), tokens.mask.sum(1).tolist()
    second = tokens.segment.sum(1).numpy().astype(np.int32)
    return [
        hashlib.blake2b(ids[row, :length].tobytes() + second[row].tobytes(), digest_size=_KEY.itemsize).digest()
        for row, length in enumerate(lengths)
    ]


def rows_of(tokens: Tokens, rows: np.ndarray) -> Tokens:
    """Some texts of a reading."""
    at = torch.from_numpy(rows)
    return Tokens(*(part[at] for part in (tokens.ids, tokens.mask, tokens.word, tokens.segment)))
