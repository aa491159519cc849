"""Another process takes over some of what a ranker encodes."""

import shutil
from collections.abc import Sized
from pathlib import Path

import numpy as np
import pytest

from retrieval_kd.ranking import rerank
from retrieval_kd.ranking.dense import Dense
from retrieval_kd.ranking.exclude_query import ExcludeQueryItself
from retrieval_kd.ranking.hybrid import Hybrid
from retrieval_kd.ranking.index import Exact
from retrieval_kd.ranking.late import Late as LateRanker
from retrieval_kd.ranking.rerank import Rerank
from retrieval_kd.ranking.resume import pairs, parts
from retrieval_kd.ranking.resume.shards import Shards, assist, fill
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.cross import Cross
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.scorers.ensemble import Ensemble
from retrieval_kd.scorers.late import Late
from retrieval_kd.scorers.scorer import Scorer
from retrieval_kd.text.collection import Collection
from tests.ranking.conftest import QUERIES, TEXTS
from tests.ranking.fakes import Told, assert_same

LISTS = {query: dict.fromkeys(list(TEXTS)[:9], 1.0) for query in QUERIES}


def dense(scorer: Dual, artifacts: Path) -> Dense:
    return Dense(scorer=scorer, artifacts=artifacts, tokens_per_group=128, passages_per_shard=7)


def reranking(scorer: Scorer, artifacts: Path, scratch: Path | None, named: str = "") -> Rerank:
    given = {"candidates": Told(LISTS), "candidates_per_query": 9, "scratch": scratch, "named": named}
    return Rerank(scorer=scorer, artifacts=artifacts, tokens_per_group=128, **given)  # type: ignore[arg-type]


def passages_encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What kinds of texts were encoded from now on."""
    kinds: list[str] = []
    direct = inference.vectors

    def noted(scorer: Dual, kind: str, *args: object, **options: object) -> np.ndarray:
        kinds.append(kind)
        return direct(scorer, kind, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(inference, "vectors", noted)
    return kinds


def hybrid(scorer: Dual, artifacts: Path) -> Hybrid:
    options = {"how": "interpolate", "alpha": 0.5, "grid": [0.5], "tuning_queries": 1, "k": 60, "list_depth": 10}
    return Hybrid(sparse=Told(LISTS), dense=ExcludeQueryItself(dense(scorer, artifacts)), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [dense, hybrid])
def test_vectors_that_a_helper_made_are_not_made_again(
    make: type[Dense], dual: Dual, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = make(dual, tmp_path / "alone").rank(QUERIES, collection, 10)  # type: ignore[call-arg]
    (tmp_path / "helped").mkdir()
    make(dual, tmp_path / "helped").assist(QUERIES, collection)  # type: ignore[call-arg]
    kinds = passages_encoded(monkeypatch)
    assert_same(make(dual, tmp_path / "helped").rank(QUERIES, collection, 10), alone)  # type: ignore[call-arg]
    assert set(kinds) == {"query"}


def searched(monkeypatch: pytest.MonkeyPatch, *, killed_after: int | None = None) -> list[int]:
    """How many queries are searched for from now on, block by block, and when the search is killed."""
    sizes: list[int] = []
    direct = Exact.__call__

    def note(exact: Exact, queries: np.ndarray, depth: int) -> object:
        if len(sizes) == killed_after:
            raise KeyboardInterrupt
        sizes.append(len(queries))
        return direct(exact, queries, depth)

    monkeypatch.setattr(Exact, "__call__", note)
    return sizes


def searching(scorer: Dual, artifacts: Path, scratch: Path | None) -> Dense:
    """Two queries a block."""
    return Dense(scorer=scorer, artifacts=artifacts, tokens_per_group=128, queries_per_block=2, scratch=scratch)


def test_a_search_goes_on_where_it_was_killed_and_helpers_search_too(
    dual: Dual, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = searching(dual, tmp_path, None).rank(QUERIES, collection, 10)
    ranker = searching(dual, tmp_path, tmp_path / "kept")
    with monkeypatch.context() as patch:
        searched(patch, killed_after=1)
        with pytest.raises(KeyboardInterrupt):
            ranker.rank(QUERIES, collection, 10)
    with monkeypatch.context() as patch:
        helped = searched(patch)
        ranker.assist(QUERIES, collection)
        assert sum(helped) == len(QUERIES) - 2
    left = searched(monkeypatch)
    assert_same(ranker.rank(QUERIES, collection, 10), alone)
    assert left == []
    assert_same(ranker.rank(QUERIES, collection, 5), alone.top(5))
    assert sum(left) == len(QUERIES), "another depth is another search"


def test_scores_that_a_helper_made_are_not_made_again(
    cross: Cross, dual: Dual, late: Late, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "_PAIRS_PER_SHARD", 20)
    both = Ensemble(members={"dual": dual, "late": late}, weights=None, scale=1.0)
    for number, scorer in enumerate((cross, both)):
        (scratch := tmp_path / f"scores-{number}").mkdir()
        alone = reranking(scorer, tmp_path, None).rank(QUERIES, collection, 5)
        with monkeypatch.context() as patch:
            patch.setattr(rerank.Rescoring, "scored", lambda it, _: it.run)  # a first process that has yet to score
            reranking(scorer, tmp_path, scratch).rank(QUERIES, collection, 5)
        reranking(scorer, tmp_path, scratch).assist(QUERIES, collection)
        with monkeypatch.context() as patch:
            patch.setattr(inference, "pair_scores", None)
            assert_same(reranking(scorer, tmp_path, scratch).rank(QUERIES, collection, 5), alone)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 7 passages of the 40, and shards of 20 pairs."""
    monkeypatch.setattr(parts, "_PASSAGES_PER_PART", (7, 7))
    monkeypatch.setattr(pairs, "_PAIRS_PER_SHARD", 20)


def interacting(scorer: Late, artifacts: Path, scratch: Path | None, candidates: Told | None) -> LateRanker:
    """Blocks of three queries, and of four passages."""
    sizes = {"tokens_per_group": 128, "passages_per_block": 4, "queries_per_block": 3}
    given = {"candidates": candidates, "candidates_per_query": 9, "scratch": scratch}
    return LateRanker(scorer=scorer, artifacts=artifacts, **sizes, **given)  # type: ignore[arg-type]


def noted(monkeypatch: pytest.MonkeyPatch, *, killed_after: int | None = None) -> list[int]:
    """How many passages late interaction encodes from now on, and when it is killed."""
    sizes: list[int] = []
    direct = inference.token_vectors

    def note(scorer: Late, kind: str, texts: Sized, **options: int) -> object:
        if kind == "passage":
            if len(sizes) == killed_after:
                raise KeyboardInterrupt
            sizes.append(len(texts))
        return direct(scorer, kind, texts, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(inference, "token_vectors", note)
    return sizes


def killed(ranker: LateRanker, collection: Collection, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Ranks until so many blocks of passages are encoded."""
    with monkeypatch.context() as patch:
        noted(patch, killed_after=after)
        with pytest.raises(KeyboardInterrupt):
            ranker.rank(QUERIES, collection, 10)


@pytest.mark.slow
@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("candidates", [None, Told(LISTS)], ids=["all", "listed"])
def test_late_interaction_goes_on_where_it_was_killed(
    candidates: Told | None, late: Late, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = interacting(late, tmp_path, None, candidates).rank(QUERIES, collection, 10)
    ranker = interacting(late, tmp_path, tmp_path / "kept", candidates)
    with monkeypatch.context() as patch:
        whole = noted(patch)
        assert_same(interacting(late, tmp_path, tmp_path / "other", candidates).rank(QUERIES, collection, 10), alone)
    killed(ranker, collection, monkeypatch, after=len(whole) // 2)
    with monkeypatch.context() as patch:
        left = noted(patch)
        assert_same(ranker.rank(QUERIES, collection, 10), alone)
    assert len(whole) // 4 < len(left) < len(whole)
    assert not list((tmp_path / "kept").rglob("*/*/*") if candidates is None else ()), "merged parts are removed"
    assert_same(ranker.rank(QUERIES, collection, 5), alone.top(5))


@pytest.mark.slow
@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("candidates", [None, Told(LISTS)], ids=["all", "listed"])
def test_what_a_helper_found_by_late_interaction_is_not_looked_for_again(
    candidates: Told | None, late: Late, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = interacting(late, tmp_path, None, candidates).rank(QUERIES, collection, 10)
    ranker = interacting(late, tmp_path, tmp_path / "kept", candidates)
    killed(ranker, collection, monkeypatch, after=0)  # a first process that says what it is at, and no more
    ranker.assist(QUERIES, collection)
    encoded = noted(monkeypatch)
    assert_same(ranker.rank(QUERIES, collection, 10), alone)
    assert encoded == []


def test_other_queries_and_other_scorers_have_their_own_scores(
    cross: Cross, dual: Dual, collection: Collection, tmp_path: Path
) -> None:
    ranker = reranking(cross, tmp_path, tmp_path / "scores")
    whole = ranker.rank(QUERIES, collection, 9)
    fewer = {query: QUERIES[query] for query in list(QUERIES)[:3]}
    assert_same(ranker.rank(fewer, collection, 9), whole.only(list(fewer)))
    other = reranking(dual, tmp_path, tmp_path / "scores", named="dual").rank(QUERIES, collection, 9)
    assert_same(other, reranking(dual, tmp_path, None).rank(QUERIES, collection, 9))
    assert len(list((tmp_path / "scores").iterdir())) == 3


def test_a_resumed_ranking_scores_the_candidates_that_it_began_with(
    cross: Cross, collection: Collection, tmp_path: Path
) -> None:
    ranker = reranking(cross, tmp_path, tmp_path / "scores")
    first = ranker.rank(QUERIES, collection, 9)
    ranker.candidates = Told({})
    assert ranker.rank(QUERIES, collection, 9) == first


def test_a_helper_waits_for_no_ranker_whose_lists_are_there(
    cross: Cross, dual: Dual, collection: Collection, tmp_path: Path
) -> None:
    ranker = reranking(cross, tmp_path, tmp_path / "scores")
    alone = ranker.rank(QUERIES, collection, 9)
    ranker.candidates = searching(dual, tmp_path, tmp_path / "scores")  # whose depth nobody will ever tell
    ranker.assist(QUERIES, collection)
    assert ranker.rank(QUERIES, collection, 9) == alone


def test_a_helper_that_comes_late_leaves_nothing_behind(cross: Cross, collection: Collection, tmp_path: Path) -> None:
    gone = tmp_path / "work.part" / ".scores"
    reranking(cross, tmp_path, gone).assist(QUERIES, collection)
    assert not gone.parent.exists()


def test_a_helper_stops_where_the_folder_was_put_away(tmp_path: Path) -> None:
    shards, calls = Shards(tmp_path / "rows", 6, 2), []

    def make(rows: np.ndarray) -> np.ndarray:
        calls.append(rows.tolist())
        values: np.ndarray = rows[:, None].astype(np.float32)
        return values

    def and_goes(rows: np.ndarray) -> np.ndarray:
        values = make(rows)
        if len(calls) == 2:
            shutil.rmtree(tmp_path / "rows")
        return values

    assist(shards, and_goes, within=tmp_path)
    assert calls == [[4, 5], [2, 3]], "the last ones first, then no more"
    assert not shards.folder.exists()
    whole = np.concatenate([block for _, block in fill(shards, make, label="rows").blocks(6)])
    assert whole[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
