"""Ranking by one vector a text: the collection encoded once, then searched by inner product."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from retrieval_kd.batch.store import tokenise
from retrieval_kd.errors import UserError
from retrieval_kd.ranking.encode import passage_vectors
from retrieval_kd.ranking.index import EXACT, check_index, searcher, trained
from retrieval_kd.ranking.ranker import Ranker, at_least
from retrieval_kd.ranking.resume.blocks import blocks
from retrieval_kd.ranking.resume.scratch import RankingScratch
from retrieval_kd.ranking.resume.shards import Shards, assist, fill
from retrieval_kd.ranking.top_k import packed, unpacked
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.asymmetric import Asymmetric
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.progress import track
from retrieval_kd.text.run import Run

_Hits = tuple[np.ndarray, np.ndarray]  # scores and positions, [query depth]
_Search = Callable[[np.ndarray], _Hits]


class Dense(Ranker):
    """The passages whose vectors have the greatest inner product with the query's.

    `index` is a FAISS factory string: Flat compares with every passage, others approximate, searched with the
    parameters `search` ("nprobe=16") and trained on `sample` passages. Vectors are kept as `dtype` (float32, float16).
    The lists of a block of queries are written to `scratch`, as `Rerank` writes scores.
    """

    ranks_by: ClassVar[frozenset[str]] = frozenset({"dual"})
    KEYLESS: ClassVar[frozenset[str]] = frozenset(
        {"passages_per_shard", "queries_per_block"}
    )  # what no number depends on

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
        scratch: Path | None = None,
        named: str = "",
    ) -> None:
        if dtype not in ("float32", "float16"):
            raise UserError(f"dtype={dtype!r}: give float32 or float16")
        check_index(index, search)
        at_least(1, sample=sample, passages_per_shard=passages_per_shard, queries_per_block=queries_per_block)
        self.scorer, self.artifacts, self.tokens_per_group = scorer, artifacts, tokens_per_group
        self.index, self.search, self.sample = index, search, sample
        self.dtype, self.passages_per_shard, self.queries_per_block = dtype, passages_per_shard, queries_per_block
        self.scratch, self.named = scratch, named

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        if node["index"] == EXACT:
            exact = f"{at}.index={EXACT} compares with every passage; give an approximate {at}.index, as IVF256,Flat"
            return dict.fromkeys(("search", "sample"), exact)
        untrained = f"{at}.index={node['index']} is not trained; give one that is, as IVF256,Flat"
        return {} if trained(str(node["index"])) else {"sample": untrained}

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        """Streams over blocks of queries, and for each over the passages' vectors on disk."""
        passages, depth, scratch = self._passages(collection), min(depth, len(collection)), self._scratch_of(queries)
        if scratch is not None:
            scratch.write_depth(depth)
        scores = np.empty((len(queries), depth), dtype=np.float32)
        positions = np.empty((len(queries), depth), dtype=np.int32)
        self._fill(scores, positions, self._search(queries, passages, depth), scratch)
        scores *= self.scorer.scale
        return Run.of_arrays(list(queries), collection.ids, positions, scores)

    def assist(self, queries: Mapping[str, str], collection: Collection) -> None:
        passages, scratch = self._passages(collection, assisting=True), self._scratch_of(queries)
        depth = scratch.wait_for_depth() if scratch is not None else None
        if scratch is not None and depth is not None:
            search = self._search(queries, passages, depth, assisting=True)
            assist(
                self._shards(len(queries), depth, scratch), lambda rows: packed(*search(rows)), within=scratch.within
            )

    def _scratch_of(self, queries: Mapping[str, str]) -> RankingScratch | None:
        return RankingScratch.of(self.scratch, "dense", self.named, str(self.queries_per_block), *queries)

    def _shards(self, queries: int, depth: int, scratch: RankingScratch) -> Shards:
        """The scores and positions of each query, on disk."""
        size = self.queries_per_block
        return Shards(scratch.folder / str(depth), queries, size, "int32", rows_at_once=size)

    def _search(self, queries: Mapping[str, str], passages: Shards, depth: int, *, assisting: bool = False) -> _Search:
        """The search of some of the queries, by their numbers: scores without the scorer's scale, and positions."""
        device, texts = next(self.scorer.parameters()).device, list(queries.values())
        find = searcher(
            passages, index=self.index, search=self.search, sample=self.sample, device=device, assisting=assisting
        )
        return lambda rows: find(self._vectors([texts[row] for row in rows.tolist()]), depth)

    def _fill(self, scores: np.ndarray, positions: np.ndarray, search: _Search, scratch: RankingScratch | None) -> None:
        """Fill in the lists of all queries, a block at a time; no other copy is held meanwhile."""
        (queries, depth), label = scores.shape, "dense ranking for queries"
        if scratch is None:
            for block in blocks(track(range(queries), total=queries, label=label), self.queries_per_block):
                rows = slice(block[0], block[-1] + 1)
                scores[rows], positions[rows] = search(np.array(block))
            return
        shards = fill(self._shards(queries, depth, scratch), lambda rows: packed(*search(rows)), label=label)
        for number in range(shards.shards):
            rows = slice(shards.rows(number).start, shards.rows(number).stop)
            scores[rows], positions[rows] = unpacked(shards.shard(number))

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
        return inference.vectors(self.scorer, "query", pieces, tokens_per_group=self.tokens_per_group)
