"""Ranking by late interaction: tokens of a query with tokens of all passages, or of another ranker's lists."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.store import tokenise, tokenised
from retrieval_kd.ranking.interaction import TokenVectors, every_pair, listed_pairs
from retrieval_kd.ranking.ranker import Ranker, at_least
from retrieval_kd.ranking.resume.blocks import blocks
from retrieval_kd.ranking.resume.pairs import assist_scores, scores_of
from retrieval_kd.ranking.resume.parts import Parts, TopKOf
from retrieval_kd.ranking.resume.scratch import CANDIDATES, RankingScratch, assist_candidates, candidates_of
from retrieval_kd.ranking.resume.shards import Make
from retrieval_kd.ranking.top_k import TopK
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.late import Late as LateScorer
from retrieval_kd.scorers.scorer import Kind
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.progress import track
from retrieval_kd.text.run import Run

_PAIRS_AT_ONCE = 16384  # of a few thousand passages, which are encoded in blocks


class Late(Ranker):
    """The passages with the greatest sum over query tokens of the best passage token (MaxSim), as the scorer scales it.

    `candidates` proposes `candidates_per_query` passages for each query; None means that every passage is compared with
    every query. Passages pass by in blocks whose token vectors are in memory, once for each block of queries.

    Results are written to `scratch`, as `Rerank` writes scores: the best of every part of the collection, or the
    scores of the pairs.
    """

    ranks_by: ClassVar[frozenset[str]] = frozenset({"late"})
    KEYLESS: ClassVar[frozenset[str]] = frozenset(
        {"passages_per_block", "queries_per_block"}
    )  # what no number depends on

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
        scratch: Path | None = None,
        named: str = "",
    ) -> None:
        at_least(1, passages_per_block=passages_per_block, queries_per_block=queries_per_block)
        at_least(1, candidates_per_query=candidates_per_query)
        self.scorer, self.artifacts, self.tokens_per_group = scorer, artifacts, tokens_per_group
        self.candidates, self.candidates_per_query = candidates, candidates_per_query
        self.passages_per_block, self.queries_per_block = passages_per_block, queries_per_block
        self.scratch, self.named = scratch, named

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        why = f"every passage is compared; give {at}.candidates, or set ranker=rerank"
        return {} if node["candidates"] else {"candidates_per_query": why}

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        scratch = self._scratch_of(queries)
        if self.candidates is not None:
            proposed = candidates_of(self.candidates, queries, collection, self.candidates_per_query, scratch)
            return self._among(proposed, queries, collection, scratch).top(depth)
        depth = min(depth, len(collection))
        if scratch is not None:
            scratch.write_depth(depth)
        return self._among_all(queries, collection, depth, scratch)

    def assist(self, queries: Mapping[str, str], collection: Collection) -> None:
        scratch = self._scratch_of(queries)
        if self.candidates is None:
            if scratch is not None:
                self._assist_among_all(queries, collection, scratch)
            return
        assist_candidates(self.candidates, queries, collection, scratch)
        if scratch is not None:
            self._assist_among(queries, collection, scratch)

    def _scratch_of(self, queries: Mapping[str, str]) -> RankingScratch | None:
        words = ("late", self.named, str(self.candidates_per_query), str(self.queries_per_block))
        return RankingScratch.of(self.scratch, *words, *queries)

    def _blocks(self, queries: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
        """Texts of queries, some at a time, with a name for their scratch files."""
        for number, texts in enumerate(blocks(queries.values(), self.queries_per_block)):
            yield str(number), texts

    def _among_all(
        self, queries: Mapping[str, str], collection: Collection, depth: int, scratch: RankingScratch | None
    ) -> Run:
        """The best of all passages for each query."""
        passages, label = self._passages(collection), "late ranking of passages"
        scores, positions = [np.zeros((0, depth), np.float32)], [np.zeros((0, depth), np.int32)]
        for name, texts in self._blocks(queries):
            query_vectors = self._queries(texts)
            best_of = self._best(query_vectors, passages, depth)
            if scratch is None:
                best = best_of(track(range(len(passages)), total=len(passages), label=label))
            else:
                best = Parts(scratch, name, len(texts), len(passages), depth).best(best_of, label=label)
            scores.append((best.scores.cpu() * self._factor(query_vectors)[:, None].cpu()).numpy())
            positions.append(best.positions.cpu().numpy())
        return Run.of_arrays(list(queries), collection.ids, np.concatenate(positions), np.concatenate(scores))

    def _assist_among_all(self, queries: Mapping[str, str], collection: Collection, scratch: RankingScratch) -> None:
        depth = scratch.wait_for_depth()
        if depth is None:
            return
        for name, texts in self._blocks(queries):
            best_of = self._best(self._queries(texts), self._passages(collection), depth)
            Parts(scratch, name, len(texts), len(collection), depth).assist(best_of)

    def _best(self, queries: TokenVectors, passages: Ragged, depth: int) -> TopKOf:
        """What finds the best of some passages for each query, by scores without the factor."""

        def best_of(rows: Iterable[int]) -> TopK:
            best = TopK(len(queries), depth, queries.tokens.device)
            for block in blocks(rows, self.passages_per_block):
                scores = every_pair(queries, self._vectors("passage", passages.take(np.array(block))))
                best.add(scores, torch.tensor(block, device=scores.device).expand(len(queries), -1))
            return best

        return best_of

    def _among(
        self, proposed: Run, queries: Mapping[str, str], collection: Collection, scratch: RankingScratch | None
    ) -> Run:
        """The proposed lists with this scorer's scores."""
        parts = [np.zeros(0, np.float32)]
        for name, make, order in self._listed(proposed, queries, collection):
            folder = scratch.folder / name if scratch else None
            parts.append(np.empty(len(order), dtype=np.float32))
            label = "late ranking of listed passages"
            parts[-1][order] = scores_of(make, len(order), folder, at_once=_PAIRS_AT_ONCE, label=label)
        scores = np.concatenate(parts)
        return Run.of_rows(proposed.query_ids, proposed.rows, proposed.passage_ids, proposed.numbers, scores)

    def _assist_among(self, queries: Mapping[str, str], collection: Collection, scratch: RankingScratch) -> None:
        path = scratch.wait_for(CANDIDATES)
        for name, make, order in self._listed(Run.read(path), queries, collection) if path else ():
            assist_scores(make, len(order), scratch.folder / name, at_once=_PAIRS_AT_ONCE, within=scratch.within)

    def _listed(
        self, proposed: Run, queries: Mapping[str, str], collection: Collection
    ) -> Iterator[tuple[str, Make, np.ndarray]]:
        """For some queries at a time: a name, what scores their pairs by places in an order, and that order, in which
        the pairs of a passage stand together.
        """
        passages = self._passages(collection)
        _, offsets, positions, _ = proposed.positions(collection)
        row_of = proposed.rows
        for first in range(0, len(proposed.query_ids), self.queries_per_block):
            query_ids = proposed.query_ids[first : first + self.queries_per_block]
            pairs = slice(int(offsets[first]), int(offsets[first + len(query_ids)]))
            query_vectors = self._queries([queries[query_id] for query_id in query_ids])
            order = np.argsort(positions[pairs], kind="stable")
            rows, places = row_of[pairs][order] - first, positions[pairs][order]
            yield str(first), self._scores(query_vectors, rows, places, passages), order

    def _scores(self, queries: TokenVectors, rows: np.ndarray, positions: np.ndarray, passages: Ragged) -> Make:
        """What scores some of the (query, passage) pairs; passages stand in order, so that each is encoded once."""
        factor = self._factor(queries)

        def make(numbers: np.ndarray) -> np.ndarray:
            used, starts = np.unique(positions[numbers], return_index=True)
            ends, parts = np.append(starts[1:], len(numbers)), []
            for first in range(0, len(used), self.passages_per_block):
                block = used[first : first + self.passages_per_block]
                pairs = numbers[starts[first] : ends[first + len(block) - 1]]
                query = torch.from_numpy(rows[pairs])
                passage = torch.from_numpy(np.searchsorted(block, positions[pairs]))
                scores = listed_pairs(queries, self._vectors("passage", passages.take(block)), query, passage)
                parts.append((scores * factor[query.to(factor.device)]).cpu().numpy())
            return np.concatenate(parts)[:, None]

        return make

    def _passages(self, collection: Collection) -> Ragged:
        form = self.scorer.written("passage")
        assert form is not None
        return tokenised(collection, form.folder, self.artifacts, join=form.join)

    def _queries(self, texts: list[str]) -> TokenVectors:
        form = self.scorer.written("query")
        assert form is not None
        return self._vectors("query", tokenise(texts, form.folder))

    def _vectors(self, kind: Kind, texts: Ragged) -> TokenVectors:
        arrays = inference.token_vectors(self.scorer, kind, texts, tokens_per_group=self.tokens_per_group)
        return TokenVectors.of(*arrays, device=next(self.scorer.parameters()).device)

    def _factor(self, queries: TokenVectors) -> Tensor:
        """What the scorer multiplies MaxSim by, [query]."""
        counted = torch.arange(max(int(queries.lengths.max()), 1)) < queries.lengths[:, None]
        return self.scorer.factor(counted)[:, 0].to(queries.tokens)
