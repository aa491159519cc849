"""The encoders of a scorer: one for queries and passages, or one for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict

from torch import nn

from retrieval_kd.batch.store import tokenizer_digest
from retrieval_kd.batch.tokens import Tokenisation
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.encoders.encoder import TextEncoder
from retrieval_kd.encoders.reading import Attention, tell_once
from retrieval_kd.encoders.weights import encoder_within
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.foreign import foreign
from retrieval_kd.scorers.record import Form, encoder_folder, read_record, writing

WRITTEN: Form = {  # how texts are written by default; a marker "" is none
    "query_length": 64,
    "passage_length": 256,
    "query_marker": "",
    "passage_marker": "",
    "marker_at": "after",
    "pad_queries": False,
    "close": True,
    "join": "blank",
}


class Opening(TypedDict):
    """How the encoders of a scorer are opened, beside its form."""

    layers: int | list[int] | None
    dropout: float
    attention: Attention | None


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
    folder: Path,
    *,
    layers: int | list[int] | None,
    dropout: float,
    shared: bool,
    kind: str,
    attention: Attention | None,
) -> Towers:
    """Read encoders for a scorer of this kind from a saved one's folder, or from a backbone's; two towers start equal
    where only one was saved.
    """
    apart = _read_by_its_head(folder, kind)

    def load(name: str) -> TextEncoder:
        home = encoder_folder(folder, name)
        return TextEncoder.load(home, layers=layers, dropout=dropout, attention=attention, apart=apart)

    query = load("query")
    return Towers(query, query if shared else load("passage"))


def _read_by_its_head(folder: Path, kind: str) -> list[str]:
    """The tensors beside the encoder's that a scorer of this kind reads in another library's folder as its head."""
    other = None if read_record(folder) else foreign(folder)
    if other is None or other.linear is None:
        return []
    if other.kind == kind:
        return [other.linear.weight, *([other.linear.bias] if other.linear.bias else [])]
    if other.linear.file.parent != encoder_within(folder):
        tell_once(f"{other.linear.file}: nothing reads these weights, as the scorer that starts from them is {kind}")
    return []


def tokenizer_of(towers: Towers) -> tuple[str, str]:
    """(digest, folder) of the tokenizer that these encoders were trained with."""
    folder: Path = towers.query.folder
    check_table(towers)
    return tokenizer_digest(folder), str(folder)


def check_table(towers: Towers) -> None:
    """Raises UserError if a tokenizer has pieces that an encoder has no embedding for: one was added to it alone."""
    last = vocabulary(str(towers.query.folder)).last
    for encoder in towers.named().values():
        if last >= encoder.words:
            raise UserError(
                f"{towers.query.folder}: its tokenizer has the piece {last}, and the embeddings of {encoder.folder} "
                f"have {encoder.words} rows; resize them by resize_token_embeddings({last + 1}) and save both"
            )


def write_as(towers: Towers, form: Form, *, layout: Literal["apart", "joined"] = "apart") -> Tokenisation:
    """The tokenisation of a scorer of this form with these encoders."""
    digest, folder = tokenizer_of(towers)
    return Tokenisation(tokenizer=digest, folder=folder, layout=layout, **writing(form))
