"""A scorer outside training: vectors, token vectors and pair scores of many texts, as arrays, without gradients."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.tokens import Tokenisation, Tokens, apart, joined
from retrieval_kd.encoders.unpadded import EncodeOptions, Request, Tensors, run
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.scorer import Kind, Scorer
from retrieval_kd.scorers.view import Want

_SCORES = frozenset({Want("scores")})


def encoded(scorer: Scorer, kind: Kind, texts: Ragged, *, tokens_per_group: int) -> np.ndarray | list[np.ndarray]:
    """What a scorer compares of texts, float32: one vector a text, [text dim]; else of each text its counted token
    vectors, [token dim]. Raises UserError for a scorer that has neither.
    """
    tensors = _project(scorer, kind, _tokens(scorer, kind, texts), tokens_per_group)
    if "vector" in tensors:
        return np.asarray(tensors["vector"].float().cpu().numpy())
    if "tokens" not in tensors:
        raise UserError(f"a {scorer.kind} scorer keeps no vectors of a text; ask for the scores of pairs")
    rows = zip(tensors["tokens"], tensors["counted"], strict=True)
    return [np.asarray(tokens[counted].float().cpu().numpy()) for tokens, counted in rows]


def vectors(scorer: Scorer, kind: Kind, texts: Ragged, *, tokens_per_group: int) -> np.ndarray:
    """One vector a text, float32 [text dim], of a scorer that offers vectors; an empty text gives zeros."""
    tensors = _project(scorer, kind, _tokens(scorer, kind, texts), tokens_per_group)
    return np.asarray(tensors["vector"].float().cpu().numpy())


def token_vectors(scorer: Scorer, kind: Kind, texts: Ragged, *, tokens_per_group: int) -> tuple[np.ndarray, np.ndarray]:
    """The counted token vectors of all texts, float32 [token dim], and where each text's begin [text + 1]."""
    tensors = _project(scorer, kind, _tokens(scorer, kind, texts), tokens_per_group)
    counted = tensors["counted"]
    lengths = counted.sum(1).cpu().numpy()
    return tensors["tokens"][counted].float().cpu().numpy(), np.concatenate([[0], np.cumsum(lengths)])


def pair_scores(scorer: Scorer, queries: Ragged, passages: Ragged, *, tokens_per_group: int) -> np.ndarray:
    """Scores of row i of the queries with row i of the passages, float32 [pair]; any scorer that reads text."""
    form = _tokenisation(scorer, "query")
    if form.layout == "joined":
        tokens = joined(queries, passages, form.frames(), present=np.ones(len(passages), dtype=bool))
        return np.asarray(_project(scorer, "pair", tokens, tokens_per_group)["score"].float().cpu().numpy())
    query = _project(scorer, "query", _tokens(scorer, "query", queries), tokens_per_group)
    passage = _project(scorer, "passage", _tokens(scorer, "passage", passages), tokens_per_group)
    with torch.no_grad():
        return np.asarray(scorer.match(query, passage).float().cpu().numpy())


def _tokens(scorer: Scorer, kind: Kind, texts: Ragged) -> Tokens:
    query, passage = _tokenisation(scorer, kind).frames()
    return apart(texts, query if kind == "query" else passage)


def _tokenisation(scorer: Scorer, kind: Kind) -> Tokenisation:
    form = scorer.written(kind)
    assert form is not None, f"a {scorer.kind} scorer reads no text"
    return form


def _project(scorer: Scorer, kind: Kind, tokens: Tokens, tokens_per_group: int) -> Tensors:
    """The tensors that the scorer makes of texts for its scores, in eval mode."""
    reading = scorer.reading(kind, tokens)
    with _evaluating(scorer):
        request = Request(reading, lambda encoded: scorer.project(encoded, kind, _SCORES))
        tensors, _ = run({kind: request}, EncodeOptions(tokens_per_group))
    return tensors[kind]


@contextmanager
def _evaluating(scorer: Scorer) -> Iterator[None]:
    """Eval mode for the while, then each part as it was (a shared encoder may be training)."""
    modes = [(module, module.training) for module in scorer.modules()]
    scorer.eval()
    try:
        with torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
