"""The one abstraction of teachers and students: read texts, keep what is needed of each, compare between texts."""

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.tokens import Tokenisation
from retrieval_kd.encoders.encoder import Encoded, TextEncoder
from retrieval_kd.encoders.unpadded import Kept, Reading
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.text.fault import Fault

Kind = Literal["query", "passage", "pair"]
Share = Callable[[Tensor], Tensor]
_HEAD = "head.safetensors"
_RECORD = "scorer.json"


class Scorer(nn.Module, ABC):
    """A scorer reads texts with its encoders, keeps per text what its comparisons need, and compares.

    `kind` is the word of the config; `offers` are the features of its view. `head` holds every parameter beside the
    encoders.
    """

    kind: ClassVar[str]
    offers: ClassVar[frozenset[str]]
    tokenisation: Tokenisation | None = None
    attention_layer: int | None = None  # the block whose own attention is read; None: computed from states

    @abstractmethod
    def readings(self, batch: Candidates) -> Mapping[Kind, Reading]:
        """What this scorer reads of a batch; equal readings of several scorers are run once."""

    @abstractmethod
    def keep(self, encoded: Encoded, kind: Kind, wants: frozenset[Want]) -> Kept:
        """Of a group of texts, what is needed to compare them later; every tensor has the texts as rows."""

    @abstractmethod
    def compare(self, kept: Mapping[Kind, Kept], batch: Candidates, wants: frozenset[Want], share: Share) -> View:
        """The view of this rank's queries; `share` turns this rank's rows into all ranks' rows."""

    def match(self, query: Kept, passage: Kept) -> Tensor:
        """Row i of the kept queries with row i of the kept passages: [pair]."""
        raise ValueError(f"a {self.kind} scorer does not compare texts kept apart")

    def form(self) -> str:
        """What, beside its weights and its tokenisation, makes its vectors what they are."""
        return self.kind

    def weights_digest(self, kind: Kind) -> str:
        """The content digest of what a text of this kind becomes: weights, tokenisation and form. Vectors are cached
        under it.
        """
        digest = hashlib.sha256(repr((self.form(), self.tokenisation)).encode())
        modules: list[nn.Module] = [self.encoder_of(kind), *([head] if (head := self.head()) is not None else [])]
        for module in modules:
            for name, value in module.state_dict().items():
                digest.update(name.encode())
                digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def encoders(self) -> Mapping[str, TextEncoder]:
        """The encoders by the name they are saved under; the first is saved in the scorer's own folder."""
        return {}

    def encoder_of(self, kind: Kind) -> TextEncoder:
        """The encoder that reads this kind of text."""
        raise ValueError(f"a {self.kind} scorer reads no {kind}")

    def head(self) -> nn.Module | None:
        """The parameters beside the encoders, or None."""
        return None

    def save(self, folder: Path, *, encoders_in: Path | None = None) -> None:
        """Write weights as safetensors: encoders as `transformers` loads them, the head beside them, and a record of
        what it is.

        A scorer that reads through another role's encoders (tied) names that role's folder instead of saving them
        twice.
        """
        folder.mkdir(parents=True, exist_ok=True)
        place = encoders_in or folder
        towers: dict[str, str] = {}
        for number, (name, encoder) in enumerate(self.encoders().items()):
            home = place / name if number else place
            towers[name] = os.path.relpath(home, folder)
            if encoders_in is None:
                encoder.save(home)
        head = self.head()
        if head is not None and any(True for _ in head.parameters()):
            save_file({key: value.contiguous() for key, value in head.state_dict().items()}, folder / _HEAD)
        (folder / _RECORD).write_text(json.dumps({"kind": self.kind, "encoders": towers}, indent=1) + "\n")

    def load_head(self, folder: Path) -> bool:
        """Read the head from a saved scorer of the same kind; False (and a fresh head) where the folder has none.

        Raises Fault if the saved head has other sizes.
        """
        record, head = folder / _RECORD, self.head()
        if (
            head is None
            or not record.exists()
            or json.loads(record.read_text())["kind"] != self.kind
            or not (folder / _HEAD).exists()
        ):
            return False
        saved = load_file(folder / _HEAD)
        have, want = ({name: list(value.shape) for name, value in some.items()} for some in (saved, head.state_dict()))
        if have != want:
            raise Fault(
                f"{folder}: the saved head is {have}, and this {self.kind} scorer's {want or 'none'}: "
                "give the projection or pooler that it was saved with"
            )
        head.load_state_dict(saved)
        return True


def encoder_folder(folder: Path, name: str) -> Path:
    """Where a saved scorer's encoder lies (in another role's folder, if it was tied); a plain backbone is its own
    encoder.

    A scorer saved with one encoder gives it under every name, so that separate towers may start from shared ones.
    """
    record = folder / _RECORD
    if not record.exists():
        return folder
    towers = json.loads(record.read_text())["encoders"]
    return (folder / towers.get(name, next(iter(towers.values()), "."))).resolve()


def wants_of(wants: frozenset[Want], *features: str) -> bool:
    """Whether any of these features is wanted."""
    return any(want.feature in features for want in wants)


def blocks(wants: frozenset[Want], depth: int) -> frozenset[int]:
    """The blocks that are wanted, counted from 0; negative ones from the last. Raises ValueError outside the encoder's
    depth.
    """
    named = {want.layer for want in wants if want.layer is not None and want.feature in ("layers", "pool_layers")}
    wrong = sorted(layer for layer in named if not -depth <= layer < depth)
    if wrong:
        raise ValueError(
            f"layer {wrong[0]} is wanted of an encoder with {depth} layers: give one from {-depth} to {depth - 1}"
        )
    return frozenset(layer % depth for layer in named)
