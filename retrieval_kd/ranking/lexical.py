"""BM25 by bm25s, over words as Lucene's English analysis makes them (Anserini's defaults), or as a script needs them.

Source: Robertson & Zaragoza (2009); variants and their names: Kamphuis et al. (ECIR 2020); bm25s: Lù (2024).
"""

import logging
from array import array
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import bm25s
import numpy as np
import Stemmer

from retrieval_kd.errors import UserError
from retrieval_kd.ranking.analysis import Analyser, Words, analysis, fitting, letters_of
from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.progress import track
from retrieval_kd.text.run import Run

_METHODS = ("lucene", "robertson", "atire")  # those that give 0 to a passage without any word of the query

_log = logging.getLogger(__name__)


class _Index(NamedTuple):
    digest: str
    analysis: Words
    words: dict[str, int]
    scores: bm25s.BM25


class BM25(Ranker):
    """Passages that share a word with the query, by score, then by id.

    `pattern` finds words in the lower-cased text, `stopwords` are then left out, and `stemmer` (a PyStemmer language or
    None) cuts what remains. `analyser` (see `analysis`) says what is a word in other scripts than English is written
    in; None chooses by a look at the collection, and what was chosen is logged. Raises UserError for an unknown method,
    stemmer or analyser, a pattern that is none, k1 < 0 or b outside 0 … 1.
    """

    def __init__(
        self,
        *,
        k1: float,
        b: float,
        method: Literal["lucene", "robertson", "atire"],
        stemmer: str | None,
        stopwords: Sequence[str],
        pattern: str,
        analyser: Analyser | None = None,
    ) -> None:
        if k1 < 0 or not 0 <= b <= 1:
            raise UserError(f"k1={k1}, b={b}: give k1 of at least 0 and b between 0 and 1 (Anserini: 0.9 and 0.4)")
        if method not in _METHODS:
            raise UserError(f"method={method!r} is no BM25 variant here: give one of {', '.join(_METHODS)}")
        if stemmer is not None and stemmer not in Stemmer.algorithms():
            raise UserError(f"stemmer={stemmer!r} is unknown: give null or one of {', '.join(Stemmer.algorithms())}")
        self.k1, self.b, self.method, self.pattern, self.analyser = k1, b, method, pattern, analyser
        self.stopwords, self._stem = frozenset(stopwords), Stemmer.Stemmer(stemmer).stemWord if stemmer else str
        self._analysis(analyser or "english")
        self._index: _Index | None = None

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        """Streams over the queries: beside the index, memory is one score a passage and the run itself."""
        index, depth = self._index_of(collection), min(depth, len(collection))
        positions = np.full((len(queries), depth), -1, dtype=np.int32)
        scores = np.zeros((len(queries), depth), dtype=np.float32)
        for row, text in enumerate(track(queries.values(), total=len(queries), label="BM25: ranking for queries")):
            words = [index.words[word] for word in index.analysis(text) if word in index.words]
            all_scores = index.scores.get_scores_from_ids(words)
            best = _best(all_scores, depth, collection)
            positions[row, : len(best)], scores[row, : len(best)] = best, all_scores[best]
        return Run.of_arrays(list(queries), collection.ids, positions, scores)

    def _index_of(self, collection: Collection) -> _Index:
        """The index of the collection; the last one is kept, for a second set of queries."""
        if self._index is None or self._index.digest != collection.digest:
            words: dict[str, int] = {}
            analysed = self._analysis(self.analyser or _choose_analyser(collection))
            texts = [
                array("i", [words.setdefault(word, len(words)) for word in analysed(passage.words)])
                for passage in track(collection.values(), total=len(collection), label="BM25: reading passages")
            ]
            if not words:
                raise UserError("no passage has a word that BM25 can index: check pattern and stopwords")
            scores = bm25s.BM25(k1=self.k1, b=self.b, method=self.method)
            scores.index((texts, words), create_empty_token=False, show_progress=False)
            self._index = _Index(collection.digest, analysed, words, scores)
        return self._index

    def _analysis(self, analyser: Analyser) -> Words:
        return analysis(analyser, self.pattern, stem=self._stem, stopwords=self.stopwords)


def _choose_analyser(collection: Collection) -> Analyser:
    """The analyser that fits the collection; logged."""
    letters = letters_of(collection)
    analyser, why = fitting(letters)
    level = logging.INFO if analyser == "english" and letters.latin >= 0.5 else logging.WARNING
    _log.log(level, "BM25: analyser=%s, as %s", analyser, why)
    return analyser


def _best(scores: np.ndarray, depth: int, collection: Collection) -> np.ndarray:
    """The positions of the `depth` best scores above 0; of equal scores at the last place, the smaller ids."""
    hits = np.flatnonzero(scores > 0)
    if len(hits) <= depth:
        return hits
    last = np.partition(scores[hits], -depth)[-depth]
    sure, tied = hits[scores[hits] > last], hits[scores[hits] == last]
    tied = sorted(tied, key=lambda position: collection.id_at(int(position)))
    return np.concatenate([sure, tied[: depth - len(sure)]]).astype(np.int64)
