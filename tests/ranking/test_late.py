"""Ranking by late interaction."""

from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.batch.store import tokenise
from retrieval_kd.ranking.late import Late
from retrieval_kd.ranking.rerank import Rerank
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.late import Late as LateScorer
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.run import Run
from tests.ranking.conftest import QUERIES, TEXTS
from tests.ranking.fakes import Told, assert_same, names

CANDIDATES = {
    "q0": {"p03": 3.0, "p05": 2.0, "p30": 1.0, "p31": 0.5},
    "q2": {"p03": 3.0, "p39": 2.0},
    "q6": {"p00": 1.0},
}


def late_ranker(scorer: LateScorer, artifacts: Path, **options: Any) -> Late:
    return Late(scorer=scorer, artifacts=artifacts, tokens_per_group=128, **options)


def every_score(scorer: LateScorer) -> dict[str, dict[str, float]]:
    """Each pair scored by the scorer itself."""
    assert scorer.tokenisation is not None
    folder = scorer.tokenisation.folder
    pairs = [(query, passage) for query in QUERIES for passage in TEXTS]
    queries = tokenise([QUERIES[query] for query, _ in pairs], folder)
    passages = tokenise([TEXTS[passage] for _, passage in pairs], folder)
    scores = inference.pair_scores(scorer, queries, passages, tokens_per_group=4096)
    result: dict[str, dict[str, float]] = {query: {} for query in QUERIES}
    for (query, passage), score in zip(pairs, scores.tolist(), strict=True):
        result[query][passage] = score
    return result


@pytest.mark.slow
@pytest.mark.parametrize(("passages_per_block", "queries_per_block"), [(3, 2), (40, 7), (1000, 1)])
def test_exhaustive_ranking_in_blocks_is_every_pair_scored_by_the_scorer(
    late: LateScorer, collection: Collection, tmp_path: Path, passages_per_block: int, queries_per_block: int
) -> None:
    ranker = late_ranker(late, tmp_path, passages_per_block=passages_per_block, queries_per_block=queries_per_block)
    direct = Run.of({query: scores.items() for query, scores in every_score(late).items()}).top(10)
    assert_same(ranker.rank(QUERIES, collection, 10), direct)


@pytest.mark.parametrize(("passages_per_block", "queries_per_block"), [(1, 1), (2, 3), (512, 4096)])
def test_lists_of_another_ranker_get_the_scorers_scores(
    late: LateScorer, collection: Collection, tmp_path: Path, passages_per_block: int, queries_per_block: int
) -> None:
    proposer = Told(CANDIDATES)
    ranker = late_ranker(
        late,
        tmp_path,
        candidates=proposer,
        candidates_per_query=3,
        passages_per_block=passages_per_block,
        queries_per_block=queries_per_block,
    )
    scores = every_score(late)
    direct = Run.of(
        {
            query: {passage: scores[query][passage] for passage in list(listed)[:3]}.items()
            for query, listed in CANDIDATES.items()
        }
    )
    assert_same(ranker.rank(QUERIES, collection, 2), direct.top(2))
    assert proposer.depths == [3]


def test_reranking_by_a_late_scorer_is_the_same(late: LateScorer, collection: Collection, tmp_path: Path) -> None:
    options: dict[str, Any] = {"candidates": Told(CANDIDATES), "candidates_per_query": 4}
    reranked = Rerank(scorer=late, artifacts=tmp_path, tokens_per_group=128, **options).rank(QUERIES, collection, 4)
    assert_same(late_ranker(late, tmp_path, **options).rank(QUERIES, collection, 4), reranked)


def test_no_query_gives_an_empty_run(late: LateScorer, collection: Collection, tmp_path: Path) -> None:
    assert names(late_ranker(late, tmp_path).rank({}, collection, 10)) == {}
    assert names(late_ranker(late, tmp_path, candidates=Told({})).rank(QUERIES, collection, 10)) == {}
