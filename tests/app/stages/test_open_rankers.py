"""Rankers from their options: what each is given by code."""

from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.stages.open_rankers import ranker_of
from retrieval_kd.ranking.exclude_query import ExcludeQueryItself
from tests.contracts.options import option


@pytest.mark.parametrize(("name", "inner"), [("hybrid", ["sparse", "dense"]), ("rerank", ["candidates"]), ("bm25", [])])
def test_what_reads_nobody_elses_lists_leaves_the_query_itself_out(name: str, inner: list[str], tmp_path: Path) -> None:
    given: dict[str, Any] = {"scorer": None, "artifacts": tmp_path, "tokens_per_group": 1}
    made = ranker_of(option("ranker", name), given, but_itself=True)
    assert isinstance(made, ExcludeQueryItself) == (not inner)
    assert all(isinstance(getattr(made, part), ExcludeQueryItself) for part in inner)
    plain = ranker_of(option("ranker", name), given)
    assert not any(isinstance(one, ExcludeQueryItself) for one in (plain, *(getattr(plain, part) for part in inner)))


def test_rankers_that_share_a_folder_are_told_apart_by_their_places(tmp_path: Path) -> None:
    node = option("ranker", "rerank")
    given: dict[str, Any] = {"scorer": None, "artifacts": tmp_path, "tokens_per_group": 1, "scratch": tmp_path}
    outer: Any = ranker_of({**node, "candidates": {**node, "candidates": {**node}}}, given)
    assert [outer.named, outer.candidates.named, outer.candidates.candidates.named] == [
        "",
        ".candidates",
        ".candidates.candidates",
    ]
