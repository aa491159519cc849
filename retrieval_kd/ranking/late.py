"""Ranking by late interaction: tokens of a query with tokens of every passage, or of those that somebody lists."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.store import tokenise, tokenised
from retrieval_kd.ranking.best import Best
from retrieval_kd.ranking.blocks import blocks
from retrieval_kd.ranking.interaction import TokenVectors, every_pair, listed_pairs
from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.scorers import offline
from retrieval_kd.scorers.late import Late as LateScorer
from retrieval_kd.scorers.scorer import Kind
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.progress import track
from retrieval_kd.text.run import Run


class Late(Ranker):
    """The passages with the greatest sum over query tokens of the best passage token (MaxSim), as the scorer scales it.

    `candidates` proposes `candidates_per_query` passages for each query; None means that every passage is compared with
    every query. Passages pass by in blocks whose token vectors are in memory, once for each block of queries.
    """

    def __init__(
        self,
        *,
        scorer: LateScorer,
        artifacts: Path,
        tokens_per_group: int,
        candidates: Ranker | None = None,
        candidates_per_query: int = 1000,
        passages_per_block: int = 512,
        queries_per_block: int = 4096,
    ) -> None:
        self.scorer, self.artifacts, self.tokens_per_group = scorer, artifacts, tokens_per_group
        self.candidates, self.candidates_per_query = candidates, candidates_per_query
        self.passages_per_block, self.queries_per_block = passages_per_block, queries_per_block

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        form = self.scorer.written("passage")
        assert form is not None
        passages = tokenised(collection, form.folder, self.artifacts)
        if self.candidates is not None:
            proposed = self.candidates.rank(queries, collection, self.candidates_per_query)
            return self._among(proposed, queries, collection, passages).top(depth)
        shape = (len(queries), min(depth, len(collection)))
        scores, positions = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.int32)
        start = 0
        for block in blocks(queries.values(), self.queries_per_block):
            rows = slice(start, start := start + len(block))
            scores[rows], positions[rows] = self._among_all(block, passages, shape[1])
        return Run.of_arrays(list(queries), collection.ids, positions, scores)

    def _among_all(self, texts: list[str], passages: Ragged, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores and positions of the best for each query, [query depth]."""
        queries = self._queries(texts)
        best = Best(len(texts), depth, queries.tokens.device)
        stream = track(range(len(passages)), total=len(passages), what="late ranking of passages")
        for block in blocks(stream, self.passages_per_block):
            found = every_pair(queries, self._vectors("passage", passages.take(np.array(block))))
            best.add(found, torch.tensor(block, device=found.device).expand(len(texts), -1))
        return (best.scores * self._factor(queries)[:, None]).cpu().numpy(), best.positions.cpu().numpy()

    def _among(self, proposed: Run, queries: Mapping[str, str], collection: Collection, passages: Ragged) -> Run:
        """The proposed lists with this scorer's scores."""
        scores = np.empty(len(proposed.numbers), dtype=np.float32)
        _, offsets, positions, _ = proposed.positions(collection)
        for first in range(0, len(proposed.query_ids), self.queries_per_block):
            some = proposed.query_ids[first : first + self.queries_per_block]
            rows = slice(int(offsets[first]), int(offsets[first + len(some)]))
            asked = self._queries([queries[query_id] for query_id in some])
            scores[rows] = self._listed(asked, proposed.rows[rows] - first, positions[rows], passages)
        return Run.of_rows(proposed.query_ids, proposed.rows, proposed.passage_ids, proposed.numbers, scores)

    def _listed(self, queries: TokenVectors, rows: np.ndarray, positions: np.ndarray, passages: Ragged) -> np.ndarray:
        """Scores of (query, passage) pairs [pair]; each passage is encoded once."""
        scores = np.empty(len(rows), dtype=np.float32)
        order = np.argsort(positions, kind="stable")
        used, starts = np.unique(positions[order], return_index=True)
        ends = np.append(starts[1:], len(order))
        factor = self._factor(queries)
        stream = track(range(len(used)), total=len(used), what="late ranking of listed passages")
        for block in blocks(stream, self.passages_per_block):
            pairs = order[starts[block[0]] : ends[block[-1]]]
            vectors = self._vectors("passage", passages.take(used[block]))
            query = torch.from_numpy(rows[pairs])
            passage = torch.from_numpy(np.searchsorted(used[block], positions[pairs]))
            found = listed_pairs(queries, vectors, query, passage)
            scores[pairs] = (found * factor[query.to(factor.device)]).cpu().numpy()
        return scores

    def _queries(self, texts: list[str]) -> TokenVectors:
        form = self.scorer.written("query")
        assert form is not None
        return self._vectors("query", tokenise(texts, form.folder))

    def _vectors(self, kind: Kind, texts: Ragged) -> TokenVectors:
        found = offline.token_vectors(self.scorer, kind, texts, tokens_per_group=self.tokens_per_group)
        return TokenVectors.of(*found, device=next(self.scorer.parameters()).device)

    def _factor(self, queries: TokenVectors) -> Tensor:
        """What the scorer multiplies MaxSim by, [query]."""
        counted = torch.arange(max(int(queries.lengths.max()), 1)) < queries.lengths[:, None]
        return self.scorer.factor(counted)[:, 0].to(queries.tokens)
