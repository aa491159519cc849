"""The encoders of a scorer: one for queries and passages, or one for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import nn

from retrieval_kd.batch.store import tokenizer_digest
from retrieval_kd.batch.tokens import Tokenisation
from retrieval_kd.encoders.encoder import TextEncoder
from retrieval_kd.encoders.weights import locate
from retrieval_kd.scorers.record import Form, encoder_folder, writing

WRITTEN: Form = {  # how texts are written where nobody says it; a marker "" is none
    "query_length": 64,
    "passage_length": 256,
    "query_marker": "",
    "passage_marker": "",
    "pad_queries": False,
    "close": True,
}


class Towers(nn.Module):
    """A query encoder and a passage encoder, which may be one object."""

    def __init__(self, query: TextEncoder, passage: TextEncoder) -> None:
        super().__init__()
        self.query = query
        self.passage = passage

    def named(self) -> Mapping[str, TextEncoder]:
        """The distinct encoders, by the name that they are saved under."""
        return {"text": self.query} if self.query is self.passage else {"query": self.query, "passage": self.passage}


def load_towers(
    *,
    backbone: str,
    checkpoint: str | None,
    layers: int | list[int] | None,
    dropout: float,
    shared: bool,
    attention: str = "sdpa",
) -> Towers:
    """Read encoders from a saved scorer, or from a backbone; two towers start equal where only one was saved."""
    folder = locate(checkpoint or backbone)

    def load(name: str) -> TextEncoder:
        return TextEncoder.load(encoder_folder(folder, name), layers=layers, dropout=dropout, attention=attention)

    query = load("query")
    return Towers(query, query if shared else load("passage"))


def tokenizer_of(towers: Towers) -> tuple[str, str]:
    """(digest, folder) of the tokenizer that these encoders were trained with."""
    folder: Path = towers.query.folder
    return tokenizer_digest(folder), str(folder)


def write_as(towers: Towers, form: Form, *, layout: Literal["apart", "joined"] = "apart") -> Tokenisation:
    """The tokenisation of a scorer of this form with these encoders."""
    digest, folder = tokenizer_of(towers)
    return Tokenisation(tokenizer=digest, folder=folder, layout=layout, **writing(form))
