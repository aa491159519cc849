"""BM25 by Lucene itself, through Pyserini: for those who want Anserini's numbers to the last digit.

Source: Lin et al. (SIGIR 2021), "Pyserini". It needs Java and the extra retrieval-kd[pyserini].
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from retrieval_kd.ranking.blocks import blocks
from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.text.aside import whole_folder
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.fault import Fault
from retrieval_kd.text.progress import track
from retrieval_kd.text.run import Run


class Lucene(Ranker):
    """Lucene's BM25 over its default English analysis; the index is kept under artifacts/lucene-<digest of the texts>.

    Raises Fault if Pyserini is not installed.
    """

    def __init__(self, *, artifacts: Path, k1: float, b: float, threads: int, queries_per_block: int) -> None:
        if importlib.util.find_spec("pyserini") is None:
            raise Fault(
                "ranker=lucene needs Pyserini, which is not installed: install retrieval-kd[pyserini] and Java, "
                "or give ranker=bm25"
            )
        self.artifacts, self.k1, self.b = artifacts, k1, b
        self.threads, self.queries_per_block = threads, queries_per_block

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        from pyserini.search.lucene import LuceneSearcher

        folder = self.artifacts / f"lucene-{collection.digest[:16]}"
        searcher = LuceneSearcher(str(whole_folder(folder, lambda aside: _index(collection, aside))))
        searcher.set_bm25(self.k1, self.b)
        lists: dict[str, list[tuple[str, float]]] = {}
        stream = track(queries.items(), total=len(queries), what="Lucene: ranking for queries")
        for block in blocks(stream, self.queries_per_block):
            ids, texts = [query_id for query_id, _ in block], [text for _, text in block]
            found = searcher.batch_search(texts, ids, k=depth, threads=self.threads)
            lists |= {query_id: [(hit.docid, hit.score) for hit in found[query_id]] for query_id in ids}
        return Run.of(lists)


def _index(collection: Collection, folder: Path) -> None:
    """Lucene's index files of a collection."""
    from pyserini.index.lucene import LuceneIndexer

    indexer = LuceneIndexer(str(folder))
    for passage in track(collection.values(), total=len(collection), what="Lucene: indexing passages"):
        indexer.add_doc_dict({"id": passage.id, "contents": passage.words})
    indexer.close()
