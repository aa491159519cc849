"""Ranking somebody's lists anew."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.store import tokenise
from retrieval_kd.errors import UserError
from retrieval_kd.ranking.rerank import Rerank, Rescoring
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.cross import Cross
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.scorers.ensemble import Ensemble
from retrieval_kd.scorers.stored import Stored
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.fuse import standardised
from retrieval_kd.text.run import Run
from tests.ranking.conftest import QUERIES, TEXTS
from tests.ranking.fakes import Told, assert_same

LISTS = {"q0": {"p03": 3.0, "p05": 2.0, "p30": 1.0}, "q2": {"p03": 3.0, "p39": 2.0}}


def one_by_one(scorer: Cross) -> Run:
    """Each pair scored alone."""
    assert scorer.tokenisation is not None
    folder = scorer.tokenisation.folder

    def score(query: str, passage: str) -> float:
        left, right = tokenise([QUERIES[query]], folder), tokenise([TEXTS[passage]], folder)
        return float(inference.pair_scores(scorer, left, right, tokens_per_group=4096)[0])

    return Run.of({query: [(passage, score(query, passage)) for passage in listed] for query, listed in LISTS.items()})


def test_a_list_is_ordered_by_the_cross_encoder(cross: Cross, collection: Collection, tmp_path: Path) -> None:
    ranker = Rerank(
        scorer=cross, artifacts=tmp_path, tokens_per_group=64, candidates=Told(LISTS), candidates_per_query=10
    )
    assert_same(ranker.rank(QUERIES, collection, 10), one_by_one(cross))


def test_only_the_first_of_each_list_are_scored(cross: Cross, collection: Collection, tmp_path: Path) -> None:
    ranker = Rerank(
        scorer=cross, artifacts=tmp_path, tokens_per_group=64, candidates=Told(LISTS), candidates_per_query=1
    )
    run = ranker.rank(QUERIES, collection, 10)
    assert {query: [name for name, _ in listed] for query, listed in run.lists.items()} == {
        "q0": ["p03"],
        "q2": ["p03"],
    }


def test_scores_kept_in_a_folder_are_read_again(
    cross: Cross, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.of({query: listed.items() for query, listed in LISTS.items()})

    rescoring = Rescoring(run, cross, QUERIES, collection, artifacts=tmp_path, tokens_per_group=64)
    first = rescoring.scored(tmp_path / "scores")
    monkeypatch.setattr(inference, "pair_scores", None)
    assert rescoring.scored(tmp_path / "scores") == first


def test_a_dual_encoder_reads_a_passage_of_many_lists_in_one_block(
    dual: Dual, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.of({query: [(passage, 0.0) for passage in list(TEXTS)[:9]] for query in QUERIES})
    rescoring = Rescoring(run, dual, QUERIES, collection, artifacts=tmp_path, tokens_per_group=64)
    whole = rescoring.scored()
    monkeypatch.setattr("retrieval_kd.ranking.resume.pairs._PAIRS_AT_ONCE", len(QUERIES))
    seen: list[int] = []
    direct = inference.pair_scores

    def noted(scorer: Dual, queries: Ragged, passages: Ragged, **options: int) -> np.ndarray:
        seen.append(len({bytes(passages[row]) for row in range(len(passages))}))
        return direct(scorer, queries, passages, **options)

    monkeypatch.setattr(inference, "pair_scores", noted)
    assert_same(rescoring.scored(), whole)
    assert seen == [1] * 9


def test_a_run_over_other_queries_is_refused(cross: Cross, collection: Collection, tmp_path: Path) -> None:
    run = Run.of({"elsewhere": [("p03", 1.0)]})
    with pytest.raises(UserError, match="query 'elsewhere', which the corpus does not hold"):
        Rescoring(run, cross, QUERIES, collection, artifacts=tmp_path, tokens_per_group=64).scored()


def test_stored_scores_cannot_score_lists(collection: Collection, tmp_path: Path) -> None:
    Run.of({"q0": [("p03", 1.0)]}).write(tmp_path / "stored.trec")
    stored = Stored(file=str(tmp_path / "stored.trec"), layout="trec", given="scores", missing="error", scale=1.0)
    with pytest.raises(UserError, match="reads no text"):
        Rescoring(Run.of({}), stored, QUERIES, collection, artifacts=tmp_path, tokens_per_group=64).scored()


def test_an_ensemble_orders_lists_by_its_members_standardised_scores(
    dual: Dual, cross: Cross, collection: Collection, tmp_path: Path
) -> None:
    run = Run.of({query: listed.items() for query, listed in LISTS.items()})
    alone = Rescoring(run, dual, QUERIES, collection, artifacts=tmp_path, tokens_per_group=64)
    one, other = (replace(alone, scorer=scorer).scored() for scorer in (dual, cross))
    ensemble = Ensemble(members={"dual": dual, "cross": cross}, weights={"dual": 3.0, "cross": 1.0}, scale=2.0)
    result = replace(alone, scorer=ensemble).scored(tmp_path / "scores")
    fused = standardised([one, other], weights=[3, 1])
    for query, listed in result.lists.items():
        assert {name: score / 2 for name, score in listed} == pytest.approx(dict(fused.lists[query]), abs=1e-6)
    assert {path.name for path in (tmp_path / "scores").iterdir()} == {"dual", "cross"}
