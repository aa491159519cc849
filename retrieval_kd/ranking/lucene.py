"""BM25 by Lucene itself, through Pyserini: for those who want Anserini's numbers to the last digit.

Source: Lin et al. (SIGIR 2021), "Pyserini". It needs Java and the extra retrieval-kd[pyserini].
"""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import atomic_folder
from retrieval_kd.ranking.ranker import Ranker, at_least
from retrieval_kd.ranking.resume.blocks import blocks
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.progress import track
from retrieval_kd.text.run import Run


class Lucene(Ranker):
    """Lucene's BM25 over its analysis of `language` (ISO 639-1: en, zh, ja, ko, th, hi, fr …).

    The index is kept under artifacts/lucene-<digest of the texts>, with the language where that is not English. Raises
    UserError if Pyserini is not installed, or for what is no code of a language.
    """

    KEYLESS: ClassVar[frozenset[str]] = frozenset({"threads", "queries_per_block"})  # of no number

    def __init__(
        self, *, artifacts: Path, k1: float, b: float, threads: int, queries_per_block: int, language: str = "en"
    ) -> None:
        if not re.fullmatch("[a-z]{2}", language):
            raise UserError(
                f"language={language!r}: give the two letters of one that Anserini analyses, such as en, zh or th"
            )
        at_least(1, threads=threads, queries_per_block=queries_per_block)
        if k1 < 0 or not 0 <= b <= 1:
            raise UserError(f"k1={k1}, b={b}: give k1 of at least 0 and b between 0 and 1 (Anserini: 0.9 and 0.4)")
        if importlib.util.find_spec("pyserini") is None:
            raise UserError(
                "ranker=lucene needs Pyserini, which is not installed: install retrieval-kd[pyserini] and Java, "
                "or give ranker=bm25"
            )
        self.artifacts, self.k1, self.b, self.language = artifacts, k1, b, language
        self.threads, self.queries_per_block = threads, queries_per_block

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        from pyserini.search.lucene import LuceneSearcher

        name = f"lucene-{collection.digest[:16]}" + ("" if self.language == "en" else f"-{self.language}")
        folder = atomic_folder(self.artifacts / name, lambda aside: _index(collection, aside, self.language))
        searcher = LuceneSearcher(str(folder))
        searcher.set_language(self.language)
        searcher.set_bm25(self.k1, self.b)
        lists: dict[str, list[tuple[str, float]]] = {}
        stream = track(queries.items(), total=len(queries), label="Lucene: ranking for queries")
        for block in blocks(stream, self.queries_per_block):
            ids, texts = [query_id for query_id, _ in block], [text for _, text in block]
            hits = searcher.batch_search(texts, ids, k=depth, threads=self.threads)
            lists |= {query_id: [(hit.docid, hit.score) for hit in hits[query_id]] for query_id in ids}
        return Run.of(lists)


def _index(collection: Collection, folder: Path, language: str) -> None:
    """Lucene's index files of a collection."""
    from pyserini.index.lucene import LuceneIndexer

    indexer = LuceneIndexer(args=["-index", str(folder), "-language", language])
    for passage in track(collection.values(), total=len(collection), label="Lucene: indexing passages"):
        indexer.add_doc_dict({"id": passage.id, "contents": passage.words})
    indexer.close()
