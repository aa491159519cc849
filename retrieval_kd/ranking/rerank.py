"""Ranking another ranker's lists anew, by any scorer that reads query and passage."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from retrieval_kd.batch.store import tokenise, tokenised
from retrieval_kd.errors import UserError
from retrieval_kd.ranking.ranker import Ranker, at_least
from retrieval_kd.ranking.resume.pairs import assist_scores, scores_of
from retrieval_kd.ranking.resume.scratch import CANDIDATES, RankingScratch, assist_candidates, candidates_of
from retrieval_kd.ranking.resume.shards import Make
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.ensemble import Ensemble
from retrieval_kd.scorers.scorer import Scorer
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.fuse import standardised
from retrieval_kd.text.run import Run


class Rerank(Ranker):
    """The first `candidates_per_query` of each list that `candidates` makes, ordered by the scorer's scores.

    Scores are written to `scratch`, where a killed ranking goes on from, until the caller removes the folder; where
    several scorers share one, each is `named`.
    """

    ranks_by: ClassVar[frozenset[str]] = frozenset({"any"})

    def __init__(
        self,
        *,
        scorer: Scorer,
        artifacts: Path,
        tokens_per_group: int,
        candidates: Ranker,
        candidates_per_query: int,
        scratch: Path | None = None,
        named: str = "",
    ) -> None:
        at_least(1, candidates_per_query=candidates_per_query)
        self.scorer, self.artifacts, self.tokens_per_group = scorer, artifacts, tokens_per_group
        self.candidates, self.candidates_per_query = candidates, candidates_per_query
        self.scratch, self.named = scratch, named

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        scratch = self._scratch_of(queries)
        proposed = candidates_of(self.candidates, queries, collection, self.candidates_per_query, scratch)
        return self._rescoring(proposed, queries, collection).scored(scratch.folder if scratch else None).top(depth)

    def assist(self, queries: Mapping[str, str], collection: Collection) -> None:
        scratch = self._scratch_of(queries)
        assist_candidates(self.candidates, queries, collection, scratch)
        path = scratch.wait_for(CANDIDATES) if scratch else None
        if scratch is not None and path is not None:
            self._rescoring(Run.read(path), queries, collection).assist(scratch.folder, within=scratch.within)

    def _scratch_of(self, queries: Mapping[str, str]) -> RankingScratch | None:
        return RankingScratch.of(self.scratch, self.named, str(self.candidates_per_query), *queries)

    def _rescoring(self, proposed: Run, queries: Mapping[str, str], collection: Collection) -> "Rescoring":
        return Rescoring(
            proposed,
            self.scorer,
            queries,
            collection,
            artifacts=self.artifacts,
            tokens_per_group=self.tokens_per_group,
        )


@dataclass(frozen=True)
class Rescoring:
    """The lists of a run about to get a scorer's scores."""

    run: Run
    scorer: Scorer
    queries: Mapping[str, str]
    collection: Collection
    _: KW_ONLY
    artifacts: Path
    tokens_per_group: int

    def scored(self, folder: Path | None = None) -> Run:
        """The run's lists with the scorer's scores; a killed scoring goes on from the shards in `folder`, if one is
        given.

        Of an ensemble, each member scores the lists, and their standardised scores are fused.

        Raises UserError for a scorer that reads no text (stored scores), or a query or passage of the run that is
        unknown.
        """
        if isinstance(self.scorer, Ensemble):
            return self._fused(self.scorer, folder)
        make, order = self._maker()
        scores = np.empty(len(order), dtype=np.float32)
        scores[order] = scores_of(make, len(order), folder, label=f"scoring pairs by a {self.scorer.kind} scorer")
        return Run.of_rows(self.run.query_ids, self.run.rows, self.run.passage_ids, self.run.numbers, scores)

    def assist(self, folder: Path, *, within: Path) -> None:
        """Takes over some of the pairs of another process that is at `scored` with these; `within` is a folder that is
        there as long as that one is at it.
        """
        if isinstance(self.scorer, Ensemble):
            for name in self.scorer.weights:
                self._with_scorer(self.scorer.member(name)).assist(folder / name, within=within)
            return
        make, order = self._maker()
        assist_scores(make, len(order), folder, within=within)

    def _maker(self) -> tuple[Make, np.ndarray]:
        """(what scores some of the run's rows, by their places in an order; that order of the rows)."""
        query, passage = self.scorer.written("query"), self.scorer.written("passage")
        if query is None or passage is None:
            raise UserError(
                f"a {self.scorer.kind} scorer reads no text, so it cannot score lists: give a dual, late or cross one"
            )
        unknown = next((query_id for query_id in self.run.query_ids if query_id not in self.queries), None)
        if unknown is not None:
            raise UserError(
                f"the run ranks for query {unknown!r}, which the corpus does not hold: give a run over this corpus"
            )
        _, _, positions, _ = self.run.positions(self.collection)
        passages = tokenised(self.collection, passage.folder, self.artifacts, join=passage.join)
        query_pieces = tokenise([self.queries[query_id] for query_id in self.run.query_ids], query.folder)
        rows = self.run.rows
        apart = query.layout == "apart"  # then pairs of one passage stand together, so that it is read once
        order = np.argsort(positions, kind="stable") if apart else np.arange(len(rows))

        def make(numbers: np.ndarray) -> np.ndarray:
            pairs = order[numbers]
            left, right = query_pieces.take(rows[pairs]), passages.take(positions[pairs])
            return inference.pair_scores(self.scorer, left, right, tokens_per_group=self.tokens_per_group)[:, None]

        return make, order

    def _fused(self, ensemble: Ensemble, folder: Path | None) -> Run:
        """The run's lists as its members score them, fused; each member has a folder of its own."""
        runs = [
            self._with_scorer(ensemble.member(name)).scored(None if folder is None else folder / name)
            for name in ensemble.weights
        ]
        fused = standardised(runs, weights=list(ensemble.weights.values()), depth=len(self.run.numbers))
        return Run.of_rows(fused.query_ids, fused.rows, fused.passage_ids, fused.numbers, fused.scores * ensemble.scale)

    def _with_scorer(self, scorer: Scorer) -> "Rescoring":
        return replace(self, scorer=scorer)
