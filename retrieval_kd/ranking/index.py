"""Search in passage vectors: exact, block by block, or by any FAISS index that a factory string names.

Source: Johnson, Douze & Jégou (2017), "Billion-scale similarity search with GPUs"; the strings are FAISS's
index_factory.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import faiss
import numpy as np
import torch

from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import locked_write
from retrieval_kd.io.intact import is_intact
from retrieval_kd.ranking.resume.shards import Shards
from retrieval_kd.ranking.top_k import TopK
from retrieval_kd.text.progress import track

# (queries [query dim], depth) → scores and positions of the best passages by inner product, [query depth]; -1: none
Search = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]

EXACT = "Flat"
_WIDTH = 3840  # that most product quantisers divide, for a look at a kind of index
_PASSAGES_AT_ONCE = 32768  # × 384 dimensions × 4 bytes = 48 MB
_PASSAGES_PER_PART = 1 << 20  # of an index: what a kill may cost, and its memory, 1.6 GB at 384 dimensions uncompressed


def searcher(
    passages: Shards, *, index: str, search: str | None, sample: int, device: torch.device, assisting: bool = False
) -> Search:
    """Search in these passages by an index's factory string; `search` are its parameters ("nprobe=16"), or None.

    Where this process is `assisting` another one that makes the index too, it begins with the last part and draws no
    bar.
    """
    if index == EXACT:
        return Exact(passages, device)
    return Approximate(passages, index=index, search=search, sample=sample, assisting=assisting)


def trained(index: str) -> bool:
    """Whether an index is trained on a sample before passages are added; of a string that FAISS does not know, too."""
    try:
        return not faiss.index_factory(_WIDTH, index, faiss.METRIC_INNER_PRODUCT).is_trained
    except RuntimeError:
        return True  # an error where passages are indexed


def check_index(index: str, search: str | None) -> None:
    """Raises UserError for a string that FAISS cannot parse as a kind of index, and for parameters that it has not."""
    try:
        empty = faiss.index_factory(_WIDTH, index, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        if "could not parse" in str(error):
            raise UserError(
                f"index={index!r} is no FAISS factory string ({_reason(error)}): give such as Flat, HNSW32 or "
                "IVF256,Flat"
            ) from None
        return  # of vectors of another width it may be one
    if search is not None and index != EXACT:
        _set_parameters(empty, search, index)


class Exact:
    """Every passage is compared; beside the queries' answers, memory is one block of passages."""

    def __init__(self, passages: Shards, device: torch.device) -> None:
        self.passages, self.device = passages, device

    def __call__(self, queries: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
        best = TopK(len(queries), depth, self.device)
        for first, block in self.passages.blocks(_PASSAGES_AT_ONCE):
            best.add(*self._among(queries, block, depth, first))
        return best.scores.cpu().numpy(), best.positions.cpu().numpy()

    def _among(
        self, queries: np.ndarray, block: np.ndarray, depth: int, first: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores and positions of the best of a block, whose first passage is the collection's `first`."""
        if self.device.type == "cpu":
            similarities, numbers = faiss.knn(queries, block, min(depth, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
            return torch.from_numpy(similarities), torch.from_numpy(numbers).int().add_(first)
        product = torch.from_numpy(queries).to(self.device) @ torch.tensor(block, device=self.device).T
        scores, places = product.topk(min(depth, len(block)), dim=1)
        return scores, places.int().add_(first)


class Approximate:
    """FAISS indexes over parts of the passages, all trained on one evenly spaced sample and kept beside the vectors.

    A part has 2^20 passages. Each is made once, written aside and renamed, so a kill costs one; processes that ask at
    once share them. They are mapped where FAISS can map their kind, and each is searched. Raises UserError for a string
    or parameters that FAISS does not know, a kind that knows no inner product, or a sample too small to train on.
    """

    def __init__(
        self, passages: Shards, *, index: str, search: str | None, sample: int, assisting: bool = False
    ) -> None:
        self._parts: list[tuple[int, faiss.Index]] = []
        for first, path in _build_parts(passages, index, sample, assisting=assisting):
            part = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
            if search is not None:
                _set_parameters(part, search, index)
            self._parts.append((first, part))

    def __call__(self, queries: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
        best = TopK(len(queries), depth)
        for first, part in self._parts:
            scores, places = part.search(queries, depth)
            scores[places < 0] = -np.inf
            best.add(torch.from_numpy(scores), torch.from_numpy(np.where(places < 0, -1, places + first)))
        return best.scores.numpy(), best.positions.numpy()


def _set_parameters(part: faiss.Index, search: str, index: str) -> None:
    try:
        faiss.ParameterSpace().set_index_parameters(part, search)  # type: ignore[arg-type]  # its stubs know numbers only
    except RuntimeError as error:
        raise UserError(
            f"search={search!r} does not fit index={index!r} ({_reason(error)}): give e.g. nprobe=16"
        ) from None


def _build_parts(passages: Shards, index: str, sample: int, *, assisting: bool) -> list[tuple[int, Path]]:
    """(first passage, file) of every part of the index, made where they are not there."""
    key = hashlib.sha256(f"{index} {sample} {_PASSAGES_PER_PART}".encode()).hexdigest()[:16]
    folder, starts = passages.folder / f"index-{key}", range(0, len(passages), _PASSAGES_PER_PART)
    folder.mkdir(exist_ok=True)
    empty, paths = folder / "empty.faiss", [folder / f"{number:05d}.faiss" for number in range(len(starts))]
    parts = [
        (range(at, min(at + _PASSAGES_PER_PART, len(passages))), path) for at, path in zip(starts, paths, strict=True)
    ]
    if not all(is_intact(path) for path in paths):
        locked_write(empty, partial(_train, passages, index, sample), wait=True)
        for wait in (False, True):
            for rows, path in reversed(parts) if assisting else parts:
                make = partial(_add_passages, passages, rows, empty, index, quiet=assisting)
                locked_write(path, make, wait=wait)
    return [(rows.start, path) for rows, path in parts]


def _train(passages: Shards, index: str, sample: int, file: BinaryIO) -> None:
    with _user_errors(passages, index):
        empty = faiss.index_factory(passages.width, index, faiss.METRIC_INNER_PRODUCT)
        if empty.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise UserError(
                f"index={index!r} searches by Euclidean distance whatever it is asked for, and scores are inner "
                "products: give a FAISS factory string such as HNSW32, HNSW32_SQ8 or IVF256,PQ48"
            )
        if not empty.is_trained:
            empty.train(passages.sample(sample))
    _write(empty, file)


def _add_passages(passages: Shards, rows: range, empty: Path, index: str, file: BinaryIO, *, quiet: bool) -> None:
    part, arrays = faiss.read_index(str(empty)), (block for _, block in passages.blocks(_PASSAGES_AT_ONCE, within=rows))
    blocks = -(-len(rows) // min(_PASSAGES_AT_ONCE, passages.rows_per_shard))
    label = f"indexing by {index}, passages {rows.start + 1} to {rows.stop} (blocks)"
    with _user_errors(passages, index):
        for block in arrays if quiet else track(arrays, total=blocks, label=label):
            part.add(block)
    _write(part, file)


def _write(index: faiss.Index, file: BinaryIO) -> None:
    """Through Python's file: FAISS's own does not tell of a full disk."""
    faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]  # its stubs lack it


@contextmanager
def _user_errors(passages: Shards, index: str) -> Iterator[None]:
    """What FAISS cannot make is a UserError."""
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            f"index={index!r} cannot be made of {len(passages)} vectors of {passages.width} dimensions "
            f"({_reason(error)}): give a FAISS factory string such as Flat, HNSW32 or IVF256,Flat"
        ) from None


def _reason(error: RuntimeError) -> str:
    """What FAISS says, without where in its sources it says so."""
    return str(error).rsplit(": ", 1)[-1].strip()
