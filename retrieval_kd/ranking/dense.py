"""Ranking by one vector a text: the collection encoded once, then searched by inner product."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from retrieval_kd.batch.store import tokenise
from retrieval_kd.ranking.blocks import blocks
from retrieval_kd.ranking.encode import passage_vectors
from retrieval_kd.ranking.index import EXACT, searcher
from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.ranking.shards import Shards
from retrieval_kd.scorers import offline
from retrieval_kd.scorers.asymmetric import Asymmetric
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.fault import Fault
from retrieval_kd.text.progress import track
from retrieval_kd.text.run import Run


class Dense(Ranker):
    """The passages whose vectors have the greatest inner product with the query's.

    `index` is a FAISS factory string: Flat compares with every passage, others approximate, searched with the
    parameters `search` ("nprobe=16") and trained on `sample` passages. Vectors are kept as `dtype` (float32, float16).
    """

    def __init__(
        self,
        *,
        scorer: Dual | Asymmetric,
        artifacts: Path,
        tokens_per_group: int,
        index: str = EXACT,
        search: str | None = None,
        sample: int = 100_000,
        dtype: Literal["float32", "float16"] = "float32",
        passages_per_shard: int = 32_768,
        queries_per_block: int = 4096,
    ) -> None:
        if dtype not in ("float32", "float16"):
            raise Fault(f"dtype={dtype!r}: give float32 or float16")
        self.scorer, self.artifacts, self.tokens_per_group = scorer, artifacts, tokens_per_group
        self.index, self.search, self.sample = index, search, sample
        self.dtype, self.passages_per_shard, self.queries_per_block = dtype, passages_per_shard, queries_per_block

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        """Streams over blocks of queries, and for each over the passages' vectors on disk."""
        passages = self._passages(collection)
        device = next(self.scorer.parameters()).device
        find = searcher(passages, index=self.index, search=self.search, sample=self.sample, device=device)
        depth = min(depth, len(collection))
        scores = np.empty((len(queries), depth), dtype=np.float32)
        positions = np.empty((len(queries), depth), dtype=np.int32)
        start = 0
        texts = track(queries.values(), total=len(queries), what="dense ranking for queries")
        for block in blocks(texts, self.queries_per_block):
            rows = slice(start, start := start + len(block))
            scores[rows], positions[rows] = find(self._vectors(block), depth)
        scores *= self.scorer.scale
        return Run.of_arrays(list(queries), collection.ids, positions, scores)

    def assist(self, queries: Mapping[str, str], collection: Collection) -> None:
        self._passages(collection, assisting=True)

    def _passages(self, collection: Collection, *, assisting: bool = False) -> Shards:
        return passage_vectors(
            self.scorer,
            collection,
            self.artifacts,
            dtype=self.dtype,
            passages_per_shard=self.passages_per_shard,
            tokens_per_group=self.tokens_per_group,
            assisting=assisting,
        )

    def _vectors(self, texts: list[str]) -> np.ndarray:
        form = self.scorer.written("query")
        assert form is not None
        pieces = tokenise(texts, form.folder)
        return offline.vectors(self.scorer, "query", pieces, tokens_per_group=self.tokens_per_group)
