"""Search in passage vectors: exact, block by block, or by any FAISS index that a factory string names.

Source: Johnson, Douze & Jégou (2017), "Billion-scale similarity search with GPUs"; the strings are FAISS's
index_factory.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import torch

from retrieval_kd.ranking.best import Best
from retrieval_kd.ranking.shards import Shards
from retrieval_kd.text.fault import Fault
from retrieval_kd.text.progress import track

# (queries [query dim], depth) → scores and positions of the best passages by inner product, [query depth]; -1: none
Search = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]

EXACT = "Flat"
_PASSAGES_AT_ONCE = 32768  # × 384 dimensions × 4 bytes = 48 MB


def searcher(passages: Shards, *, index: str, search: str | None, sample: int, device: torch.device) -> Search:
    """Search in these passages by an index's factory string; `search` are its parameters ("nprobe=16"), or None."""
    if index == EXACT:
        return Exact(passages, device)
    return Approximate(passages, index=index, search=search, sample=sample)


class Exact:
    """Every passage is compared; beside the queries' answers, memory is one block of passages."""

    def __init__(self, passages: Shards, device: torch.device) -> None:
        self.passages, self.device = passages, device

    def __call__(self, queries: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
        best = Best(len(queries), depth, self.device)
        for first, block in self.passages.blocks(_PASSAGES_AT_ONCE):
            if self.device.type == "cpu":
                scores, places = faiss.knn(queries, block, min(depth, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
                best.add(torch.from_numpy(scores), torch.from_numpy(places).int() + first)
            else:
                best.add(*self._on_device(queries, block, depth, first))
        return best.scores.cpu().numpy(), best.positions.cpu().numpy()

    def _on_device(
        self, queries: np.ndarray, block: np.ndarray, depth: int, first: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        found = torch.from_numpy(queries).to(self.device) @ torch.tensor(block, device=self.device).T
        scores, places = found.topk(min(depth, len(block)), dim=1)
        return scores, places + first


class Approximate:
    """A FAISS index over the passages, trained on an evenly spaced sample and kept beside their vectors.

    Raises Fault for a string or parameters that FAISS does not know, or a sample too small to train on.
    """

    def __init__(self, passages: Shards, *, index: str, search: str | None, sample: int) -> None:
        key = hashlib.sha256(f"{index} {sample}".encode()).hexdigest()[:16]
        path = passages.folder / f"index-{key}.faiss"
        if not path.exists():
            _write(_built(passages, index, sample), path)
        self._index = faiss.read_index(str(path))
        if search is not None:
            try:
                faiss.ParameterSpace().set_index_parameters(self._index, search)  # type: ignore[arg-type]  # its stubs know numbers only
            except RuntimeError as fault:
                raise Fault(
                    f"search={search!r} does not fit index={index!r} ({_reason(fault)}): give e.g. nprobe=16"
                ) from None

    def __call__(self, queries: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
        scores, positions = self._index.search(queries, depth)
        return scores, positions


def _built(passages: Shards, index: str, sample: int) -> faiss.Index:
    try:
        built = faiss.index_factory(passages.width, index, faiss.METRIC_INNER_PRODUCT)
        if not built.is_trained:
            built.train(passages.sample(sample))
    except RuntimeError as fault:
        raise Fault(
            f"index={index!r} cannot be made of {len(passages)} vectors of {passages.width} dimensions "
            f"({_reason(fault)}): give a FAISS factory string such as Flat, HNSW32 or IVF256,Flat"
        ) from None
    blocks = -(-len(passages) // _PASSAGES_AT_ONCE)
    for _, block in track(passages.blocks(_PASSAGES_AT_ONCE), total=blocks, what=f"indexing by {index} (blocks)"):
        built.add(block)
    return built


def _write(index: faiss.Index, path: Path) -> None:
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    faiss.write_index(index, aside)
    os.replace(aside, path)


def _reason(fault: RuntimeError) -> str:
    """What FAISS says, without where in its sources it says so."""
    return str(fault).rsplit(": ", 1)[-1].strip()
