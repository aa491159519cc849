"""Ranking by one vector a text."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retrieval_kd.batch.store import tokenise
from retrieval_kd.ranking.dense import Dense
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.run import Run
from tests.ranking.conftest import QUERIES, TEXTS
from tests.ranking.fakes import assert_same, names


def dense(scorer: Dual, artifacts: Path, **options: Any) -> Dense:
    return Dense(scorer=scorer, artifacts=artifacts, tokens_per_group=128, **options)


def encoded(scorer: Dual, kind: Any, texts: list[str]) -> np.ndarray:
    assert scorer.tokenisation is not None
    return inference.vectors(scorer, kind, tokenise(texts, scorer.tokenisation.folder), tokens_per_group=4096)


def brute_force(scorer: Dual, depth: int) -> Run:
    """All scores from all vectors at once."""
    queries, passages = (
        encoded(scorer, "query", list(QUERIES.values())),
        encoded(scorer, "passage", list(TEXTS.values())),
    )
    scores = scorer.scale * (queries @ passages.T).astype(np.float64)
    return Run.of({name: list(zip(TEXTS, row, strict=True)) for name, row in zip(QUERIES, scores, strict=True)}).top(
        depth
    )


@pytest.mark.parametrize(("passages_per_shard", "queries_per_block"), [(7, 2), (40, 7), (1000, 1)])
def test_search_in_shards_and_blocks_is_brute_force(
    dual: Dual, collection: Collection, tmp_path: Path, passages_per_shard: int, queries_per_block: int
) -> None:
    ranker = dense(dual, tmp_path, passages_per_shard=passages_per_shard, queries_per_block=queries_per_block)
    assert_same(ranker.rank(QUERIES, collection, 10), brute_force(dual, 10))


def test_a_depth_beyond_the_collection_gives_all_of_it(dual: Dual, collection: Collection, tmp_path: Path) -> None:
    assert_same(dense(dual, tmp_path).rank(QUERIES, collection, 1000), brute_force(dual, 40))


def test_vectors_are_shared_by_whoever_ranks_with_the_same_weights_and_texts(
    dual: Dual, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = dense(dual, tmp_path).rank(QUERIES, collection, 5)
    kinds: list[str] = []
    direct = inference.vectors

    def noted(scorer: Dual, kind: Any, *args: Any, **options: Any) -> np.ndarray:
        kinds.append(kind)
        return direct(scorer, kind, *args, **options)

    monkeypatch.setattr(inference, "vectors", noted)
    assert dense(dual, tmp_path).rank(QUERIES, collection, 5) == first
    assert kinds == ["query"]


def test_other_weights_get_other_vectors(dual: Dual, backbone: str, collection: Collection, tmp_path: Path) -> None:
    from copy import deepcopy

    other = deepcopy(dual)
    next(other.parameters()).data.add_(1.0)
    dense(dual, tmp_path).rank(QUERIES, collection, 5)
    assert_same(dense(other, tmp_path).rank(QUERIES, collection, 5), brute_force(other, 5))
    assert len(list(tmp_path.glob("vectors-*"))) == 2


def test_an_encoder_that_computes_in_half_gets_vectors_of_its_own(
    dual: Dual, collection: Collection, tmp_path: Path
) -> None:
    full = dense(dual, tmp_path).rank(QUERIES, collection, 40)
    encoder = dual.encoder_of("passage")
    encoder.computes_in = torch.bfloat16
    half = dense(dual, tmp_path).rank(QUERIES, collection, 40)
    encoder.computes_in = None
    assert len(list(tmp_path.glob("vectors-*"))) == 2
    apart = [
        abs(one.score - {row.passage_id: row.score for row in half.lists[query]}[one.passage_id])
        for query in full.lists
        for one in full.lists[query]
    ]
    assert 0 < max(apart) < 0.05 * dual.scale


def test_after_a_kill_only_missing_shards_are_encoded(dual: Dual, collection: Collection, tmp_path: Path) -> None:
    ranker = dense(dual, tmp_path, passages_per_shard=10)
    whole = ranker.rank(QUERIES, collection, 10)
    (folder,) = tmp_path.glob("vectors-*")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "00001.npy").unlink()
    (folder / "00002.npy").write_bytes((folder / "00002.npy").read_bytes()[:100])
    assert ranker.rank(QUERIES, collection, 10) == whole
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {
        "00001.npy",
        "00001.npy.sha256",
        "00002.npy",
        "00002.npy.sha256",
    }


def test_half_precision_changes_scores_by_a_thousandth_at_most(
    dual: Dual, collection: Collection, tmp_path: Path
) -> None:
    half = dense(dual, tmp_path, dtype="float16").rank(QUERIES, collection, 40).lists
    for query, listed in brute_force(dual, 40).lists.items():
        assert dict(half[query]) == pytest.approx(dict(listed), abs=20 * 1e-3)


def test_an_approximate_index_finds_nearly_the_same(dual: Dual, collection: Collection, tmp_path: Path) -> None:
    lists = names(dense(dual, tmp_path, index="HNSW16", search="efSearch=100").rank(QUERIES, collection, 10))
    exact = names(brute_force(dual, 10))
    assert sum(len(set(lists[query]) & set(exact[query])) for query in QUERIES) >= 0.9 * 10 * len(QUERIES)


def test_no_query_gives_an_empty_run(dual: Dual, collection: Collection, tmp_path: Path) -> None:
    assert names(dense(dual, tmp_path).rank({}, collection, 10)) == {}
