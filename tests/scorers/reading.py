"""Scorers over a tiny backbone, batches of hand-made texts, and the view of one by the other."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates, Texts
from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.tokens import Tokenisation, apart, joined
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.encoders.encoder import TextEncoder
from retrieval_kd.encoders.unpadded import EncodeOptions, Request, run
from retrieval_kd.scorers.cross import Cross
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.scorers.late import Late
from retrieval_kd.scorers.scorer import Scorer, blocks, wants_of
from retrieval_kd.scorers.view import View, Want

Some = TypeVar("Some", bound=Scorer)
QUERIES = ["red fox", "the dog slept", "a cat", "fox and dog ran home"]
LISTS = [  # three candidates a query: the third query lacks its last, and "red fox ran" is in two lists
    ["red fox ran", "a dog", "it ran home and slept and ran and slept"],
    ["the dog slept all day", "red fox ran", "cat"],
    ["a cat sat", "the red cat and the dog", ""],
    ["the fox and the dog are home", "it slept", "day"],
]
WORDS = ["red fox ran a dog it home and slept the all day cat sat are [ ] q d"]
READ = {"checkpoint": None, "layers": None, "dropout": 0.0, "attention": None}
APART = {
    "shared": True,
    "projection": None,
    "projection_bias": None,
    "projection_activation": None,
    "query_length": 16,
    "passage_length": 16,
    "query_marker": None,
    "passage_marker": None,
    "marker_at": None,
    "pad_queries": False,
    "close": True,
    "join": None,
}


def dual(backbone: Path, **values: Any) -> Dual:
    options = {**READ, **APART, "pooling": "mean", "normalize": True, "scale": 20.0}
    return Dual(**{**options, "backbone": str(backbone), **values}).eval()


def late(backbone: Path, **values: Any) -> Late:
    norms = {"normalize_query": True, "normalize_passage": True}
    left_open = {"skip": None, "attend_padding": None}
    options = {**READ, **APART, **norms, **left_open, "over": "real", "average": True, "scale": 20.0}
    return Late(**{**options, "backbone": str(backbone), **values}).eval()


def cross(backbone: Path, **values: Any) -> Cross:
    attention = {"word_attention": False, "attention_layer": -1}
    lengths = {"query_length": 16, "passage_length": 16}
    left_open = dict.fromkeys(("label", "activation", "segments", "close", "join", "head_dropout"))
    options = {**READ, **attention, **left_open, **lengths, "pooling": "cls", "scale": 1.0}
    return Cross(**{**options, "backbone": str(backbone), **values}).eval()


def moved(scorer: Some) -> Some:
    """Away from the backbone: every parameter differs, tower from tower too."""
    chance = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for value in scorer.parameters():
            value += 0.3 * torch.randn(value.shape, generator=chance)
    return scorer


def features(*names: str, layers: Iterable[int] = ()) -> frozenset[Want]:
    """Wants by feature; those by block are wanted of every one of `layers`."""
    return frozenset(
        Want(name, layer) for name in names for layer in (layers if name in ("layers", "pool_layers") else (None,))
    )


def texts(form: Tokenisation, queries: Sequence[str], lists: Sequence[Sequence[str]]) -> Texts:
    words, shape = vocabulary(form.folder), (len(lists), len(lists[0]))
    asked, passages = words.ragged(queries), words.ragged([text for listed in lists for text in listed])
    if form.layout == "apart":
        return Texts(apart(asked, form.frames()[0]), apart(passages, form.frames()[1]).fold(*shape))
    return Texts(
        None, joined(asked.take(np.repeat(np.arange(shape[0]), shape[1])), passages, form.frames()).fold(*shape)
    )


def batch(
    *scorers: Scorer,
    queries_per_pool: int = 4,
    queries: Sequence[str] = QUERIES,
    lists: Sequence[Sequence[str]] = LISTS,
    stored: Mapping[str, Tensor] | None = None,
) -> Candidates:
    """The hand-made texts as every scorer wants them, all on one rank; an empty passage is absent."""
    shape = len(lists), len(lists[0])
    present = torch.tensor([[bool(text) for text in listed] for listed in lists])
    places = torch.arange(shape[0]) % queries_per_pool * shape[1]
    return Candidates(
        step=0,
        query_id=torch.arange(shape[0]),
        passage_id=torch.arange(shape[0] * shape[1]).reshape(shape),
        present=present,
        relevance=torch.full(shape, -1),
        dark=torch.zeros_like(present),
        rank=torch.zeros(shape, dtype=torch.int64),
        positive=places,
        known_positives=torch.zeros(shape[0], queries_per_pool * shape[1], dtype=torch.bool),
        texts={form: texts(form, queries, lists) for scorer in scorers for form in scorer.tokenisations()},
        stored=stored or {},
        local=shape[0],
    )


def look(scorer: Scorer, over: Candidates, wants: frozenset[Want], *, tokens_per_group: int = 64) -> View:
    """What the scorer shows of a batch on one rank, as a training step asks for it."""
    requests = {
        kind: Request(
            reading,
            lambda encoded, kind=kind: scorer.project(encoded, kind, wants),
            blocks(wants, len(reading.encoder.kept_layers)),
            scorer.attention_layer if wants_of(wants, "attention") else None,
            learns=True,
        )
        for kind, reading in scorer.readings(over).items()
    }
    projected = run(requests, EncodeOptions(tokens_per_group))[0] if requests else {}
    with torch.autocast("cpu", enabled=False):
        return scorer.score(projected, over, wants, lambda rows: rows)


def alone(encoder: TextEncoder, form: Tokenisation, text: str, kind: str) -> Tensor:
    """Last states of one framed text by the bare backbone: [token dim]."""
    frame = form.frames()[0 if kind == "query" else 1]
    return encoder.backbone(input_ids=apart(vocabulary(form.folder).ragged([text]), frame).ids).last_hidden_state[0]


def ragged(scorer: Scorer, several: Sequence[str]) -> Ragged:
    assert scorer.tokenisation is not None
    return vocabulary(scorer.tokenisation.folder).ragged(several)
