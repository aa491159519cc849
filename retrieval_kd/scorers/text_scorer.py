"""A scorer that is asked about texts, one call at a time: their vectors, and the scores of pairs."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.store import tokenise, tokenise_passages
from retrieval_kd.batch.tokens import Tokenisation
from retrieval_kd.errors import UserError
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.scorer import Kind, Scorer
from retrieval_kd.text.records import Passage

Text = str | tuple[str, str] | Passage  # of a passage: its text, or its title and its text
Item = TypeVar("Item")
Vectors = Float[np.ndarray, "text dim"] | list[Float[np.ndarray, "token dim"]]


class TextScorer:
    """A scorer in eval mode, without gradients: `kind` is its name in the config, `form` what it is beside its weights,
    `scorer` the module itself. Texts are written (lengths, markers, prompts) as the scorer was trained to read them,
    and everything that comes back is float32, in memory, in the order of what was given.
    """

    def __init__(self, scorer: Scorer, *, tokens_per_group: int) -> None:
        self.scorer, self.kind, self.form = scorer, scorer.kind, dict(scorer.form)
        self._tokens_per_group = tokens_per_group

    def encode_queries(self, queries: Sequence[str]) -> Vectors:
        """The vectors of queries: [query dim] of a scorer with one vector a text, else for each query [token dim].

        An empty text gives zeros. Raises UserError for a scorer that reads query and passage as one text.
        """
        listed = _as_list(queries, "encode_queries", "queries")
        return self._vectors("query", self._queries(listed or [""]))[
            : len(listed)
        ]  # (of nothing: as wide as of something)

    def encode_passages(self, passages: Sequence[Text]) -> Vectors:
        """The vectors of passages, as `encode_queries` gives those of queries; a passage is its text, or a pair of its
        title and its text.
        """
        listed = _as_list(passages, "encode_passages", "passages")
        return self._vectors("passage", self._passages(listed or [""]))[: len(listed)]

    def score(self, pairs: Sequence[tuple[str, Text]]) -> Float[np.ndarray, "pair"]:
        """The score of each (query, passage): greater is more relevant; comparable within a query alone."""
        listed = _as_list(pairs, "score", "(query, passage) pairs")
        if wrong := next((pair for pair in listed if isinstance(pair, str) or len(pair) != 2), None):
            raise UserError(f"score: {wrong!r} is no pair; give (query, passage)")
        if not listed:
            return np.zeros(0, dtype=np.float32)
        queries, passages = self._queries([pair[0] for pair in listed]), self._passages([pair[1] for pair in listed])
        return inference.pair_scores(self.scorer, queries, passages, tokens_per_group=self._tokens_per_group)

    def _vectors(self, kind: Kind, texts: Ragged) -> Vectors:
        if self.scorer.reads_pairs:
            raise UserError(
                f"a {self.kind} scorer reads query and passage as one text, so neither has a vector; ask for the "
                "scores of pairs: score([(query, passage)])"
            )
        return inference.encoded(self.scorer, kind, texts, tokens_per_group=self._tokens_per_group)

    def _queries(self, queries: Sequence[str]) -> Ragged:
        if wrong := next((query for query in queries if not isinstance(query, str)), None):
            raise UserError(f"{wrong!r} is no query; give a text")
        return tokenise(queries, self._tokenisation("query").folder)

    def _passages(self, passages: Sequence[Text]) -> Ragged:
        form = self._tokenisation("passage")
        return tokenise_passages([_passage(text) for text in passages], form.folder, join=form.join)

    def _tokenisation(self, kind: Kind) -> Tokenisation:
        form = self.scorer.written(kind)
        assert form is not None, "a scorer that reads no text is not saved"
        return form


def _as_list(items: Sequence[Item], call: str, kind: str) -> list[Item]:
    """What was given, as a list. Raises UserError for one text, whose letters would be taken for texts."""
    if isinstance(items, str):
        raise UserError(f"{call}: {items[:60]!r} is one text; give a list of {kind}, as in {call}([…])")
    return list(items)


def _passage(passage: Text) -> Passage:
    if isinstance(passage, Passage):
        return passage
    if isinstance(passage, str):
        return Passage("", "", passage)
    if isinstance(passage, tuple) and len(passage) == 2 and all(isinstance(part, str) for part in passage):
        return Passage("", *passage)
    raise UserError(f"{passage!r} is no passage; give its text, or (title, text)")
