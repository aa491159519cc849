"""A run from a file, as a ranker."""

from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.ranking.run_file import RunFileRanker
from retrieval_kd.text.run import Run
from tests.ranking.conftest import Collect
from tests.ranking.fakes import names


def test_a_file_answers_for_its_queries_down_to_a_depth(tmp_path: Path, collect: Collect) -> None:
    Run.of({"q": [("a", 2.0), ("b", 1.0)], "r": [("b", 1.0)]}).write(tmp_path / "run.trec")
    ranker = RunFileRanker(path=str(tmp_path / "run.trec"))
    assert names(ranker.rank({"q": "?", "unheard": "?"}, collect({"a": "x", "b": "y"}), 1)) == {"q": ["a"]}


def test_a_passage_that_the_collection_lacks_is_refused(tmp_path: Path, collect: Collect) -> None:
    Run.of({"q": [("nowhere", 2.0)]}).write(tmp_path / "run.trec")
    with pytest.raises(UserError, match="nowhere"):
        RunFileRanker(path=str(tmp_path / "run.trec")).rank({"q": "?"}, collect({"a": "x"}), 1)
