"""Search in vectors on disk."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import torch

from retrieval_kd.errors import UserError
from retrieval_kd.ranking import index as index_module
from retrieval_kd.ranking.index import searcher
from retrieval_kd.ranking.resume.shards import Shards, fill

CHANCE = np.random.default_rng(0)
PASSAGES = CHANCE.standard_normal((300, 8)).astype(np.float32)
QUERIES = CHANCE.standard_normal((20, 8)).astype(np.float32)
CPU = torch.device("cpu")


@pytest.fixture
def passages(tmp_path: Path) -> Shards:
    return fill(Shards(tmp_path / "vectors", 300, 70), lambda rows: PASSAGES[rows], label="rows")


def brute(depth: int) -> tuple[np.ndarray, np.ndarray]:
    scores = QUERIES @ PASSAGES.T
    order = np.argsort(-scores, axis=1)[:, :depth]
    return np.take_along_axis(scores, order, 1), order


@pytest.mark.parametrize("passages_at_once", [1, 33, 70, 1000])
def test_exact_search_in_blocks_is_brute_force(
    passages: Shards, passages_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "_PASSAGES_AT_ONCE", passages_at_once)
    scores, positions = searcher(passages, index="Flat", search=None, sample=1, device=CPU)(QUERIES, 25)
    np.testing.assert_array_equal(positions, brute(25)[1])
    np.testing.assert_allclose(scores, brute(25)[0], rtol=1e-6, atol=1e-6)


def test_more_than_there_is_gives_all_there_is(passages: Shards) -> None:
    _, positions = searcher(passages, index="Flat", search=None, sample=1, device=CPU)(QUERIES, 1000)
    np.testing.assert_array_equal(positions, brute(300)[1])


@pytest.mark.parametrize(
    ("factory", "search"), [("IVF4,Flat", "nprobe=4"), ("HNSW16", "efSearch=300"), ("SQfp16", None)]
)
def test_a_factory_string_makes_an_index_that_finds_what_brute_force_finds(
    passages: Shards, factory: str, search: str | None
) -> None:
    _, positions = searcher(passages, index=factory, search=search, sample=200, device=CPU)(QUERIES, 1)
    assert np.mean(positions == brute(1)[1]) > 0.9


@pytest.mark.parametrize(("factory", "search"), [("IVF4,Flat", "nprobe=4"), ("HNSW16", "efSearch=300")])
def test_an_index_in_parts_finds_what_brute_force_finds(
    passages: Shards, factory: str, search: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "_PASSAGES_PER_PART", 110)  # parts and shards of vectors (70) do not coincide
    monkeypatch.setattr(index_module, "_PASSAGES_AT_ONCE", 33)
    scores, positions = searcher(passages, index=factory, search=search, sample=200, device=CPU)(QUERIES, 25)
    assert len(list(passages.folder.glob("index-*/0*.faiss"))) == 3
    np.testing.assert_array_equal(positions, brute(25)[1])
    np.testing.assert_allclose(scores, brute(25)[0], rtol=1e-5, atol=1e-5)


def test_where_fewer_are_found_than_asked_for_the_rest_is_empty(
    passages: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "_PASSAGES_PER_PART", 150)
    find = searcher(passages, index="IVF16,Flat", search="nprobe=1", sample=300, device=CPU)
    scores, positions = find(QUERIES, 200)
    there = positions >= 0
    assert there.any(1).all()
    assert not there.all()
    assert np.isneginf(scores[~there]).all()
    assert (there[:, :-1] >= there[:, 1:]).all(), "what is found comes first"
    np.testing.assert_allclose(scores[there], (QUERIES @ PASSAGES.T)[np.nonzero(there)[0], positions[there]], atol=1e-5)


def test_an_index_is_made_once(passages: Shards) -> None:
    first = searcher(passages, index="IVF4,Flat", search="nprobe=1", sample=200, device=CPU)(QUERIES, 5)
    made = {path: path.stat().st_mtime_ns for path in passages.folder.rglob("*.faiss")}
    second = searcher(passages, index="IVF4,Flat", search="nprobe=1", sample=200, device=CPU)(QUERIES, 5)
    assert {path: path.stat().st_mtime_ns for path in passages.folder.rglob("*.faiss")} == made
    assert sorted(path.name for path in made) == ["00000.faiss", "empty.faiss"]
    np.testing.assert_array_equal(first[1], second[1])


def test_a_killed_indexing_goes_on_with_the_parts_that_are_left(
    passages: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "_PASSAGES_PER_PART", 100)
    direct, begun = index_module._add_passages, []

    def until_the_second(vectors: Shards, rows: range, *others: Any, **options: Any) -> None:
        begun.append(rows.start)
        if begun == [0, 100]:
            raise KeyboardInterrupt
        direct(vectors, rows, *others, **options)

    monkeypatch.setattr(index_module, "_add_passages", until_the_second)
    settings: dict[str, Any] = {"index": "IVF4,Flat", "search": "nprobe=4", "sample": 200, "device": CPU}
    with pytest.raises(KeyboardInterrupt):
        searcher(passages, **settings)
    next(passages.folder.glob("index-*")).joinpath("00002.part").write_bytes(b"as SIGKILL leaves it")
    _, positions = searcher(passages, **settings)(QUERIES, 25)
    assert begun == [0, 100, 100, 200]
    np.testing.assert_array_equal(positions, brute(25)[1])


def test_two_that_index_at_once_share_the_parts(passages: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_PASSAGES_PER_PART", 20)
    direct, begun = index_module._add_passages, []

    def noted(vectors: Shards, rows: range, *others: Any, **options: Any) -> None:
        begun.append(rows.start)
        direct(vectors, rows, *others, **options)

    monkeypatch.setattr(index_module, "_add_passages", noted)
    settings: dict[str, Any] = {"index": "IVF4,Flat", "search": "nprobe=4", "sample": 200, "device": CPU}
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(searcher, passages, **settings, assisting=assisting) for assisting in (False, True)]
    assert sorted(begun) == list(range(0, 300, 20))
    for find in both:
        np.testing.assert_array_equal(find.result()(QUERIES, 25)[1], brute(25)[1])


def test_a_disk_that_is_full_leaves_no_index(passages: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"index": "HNSW16", "search": "efSearch=300", "sample": 200, "device": CPU}
    with monkeypatch.context() as patch:
        patch.setattr(index_module, "_train", lambda *parts: _on_a_full_disk(*parts))
        with pytest.raises(OSError, match="No space left"):
            searcher(passages, **options)
    assert not list(passages.folder.rglob("*.faiss"))
    np.testing.assert_array_equal(searcher(passages, **options)(QUERIES, 25)[1], brute(25)[1])


def _on_a_full_disk(
    passages: Shards, index: str, sample: int, file: BinaryIO, direct: Any = index_module._train
) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        direct(passages, index, sample, full)


def test_what_faiss_does_not_know_is_refused_with_what_to_give(passages: Shards) -> None:
    with pytest.raises(UserError, match=r"index='Flt'.*give a FAISS factory string such as"):
        searcher(passages, index="Flt", search=None, sample=200, device=CPU)
    with pytest.raises(UserError, match=r"index='HNSW16,PQ4' searches by Euclidean distance.*HNSW32_SQ8"):
        searcher(passages, index="HNSW16,PQ4", search=None, sample=300, device=CPU)
    with pytest.raises(UserError, match=r"index='NSG16' cannot be made of 300 vectors"):
        searcher(passages, index="NSG16", search=None, sample=300, device=CPU)
    with pytest.raises(UserError, match=r"search='nprobes=4'.*nprobe=16"):
        searcher(passages, index="IVF4,Flat", search="nprobes=4", sample=200, device=CPU)


def test_fewer_passages_than_an_index_has_cells_are_refused(passages: Shards) -> None:
    with pytest.raises(UserError, match="index='IVF512,Flat' cannot be made of 300 vectors"):
        searcher(passages, index="IVF512,Flat", search=None, sample=200, device=CPU)
