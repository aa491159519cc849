"""BM25 by Lucene, an extra."""

import importlib.util
from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.ranking.lucene import Lucene


@pytest.mark.skipif(importlib.util.find_spec("pyserini") is not None, reason="Pyserini is installed")
def test_without_pyserini_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"retrieval-kd\[pyserini\] and Java, or give ranker=bm25"):
        Lucene(artifacts=tmp_path, k1=0.9, b=0.4, threads=1, queries_per_block=10)
