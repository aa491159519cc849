"""The one abstraction of teachers and students: read texts, project each, score between texts."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.tokens import Tokenisation, Tokens
from retrieval_kd.encoders.encoder import Encoded, TextEncoder
from retrieval_kd.encoders.unpadded import Reading, Tensors
from retrieval_kd.encoders.weights import locate
from retrieval_kd.scorers.foreign import foreign
from retrieval_kd.scorers.head_file import head_sizes, save_head, saved_head, take_head
from retrieval_kd.scorers.record import Form, read_record, resolved, saved_form, write_record
from retrieval_kd.scorers.view import Feature, View, Want

Kind = str  # of text: "query", "passage" or "pair"; that of an ensemble's member has its name before it: "late.query"
Share = Callable[[Tensor], Tensor]


class Size(NamedTuple):
    """How many blocks read a scorer's passages, and how wide the vectors that it makes of them; 0: it reads none."""

    layers: int
    width: int


class Scorer(nn.Module, ABC):
    """A scorer reads texts with its encoders, projects each to the tensors that scores need, and scores pairs.

    `kind` is its name in the config; `offers` are the features of its view. `head` holds every parameter beside the
    encoders. `teachable` says whether it may be a learner. `FORM` has every key of its option that is part of its
    form, with what that is where neither the option (null) nor the folder that it is opened from says it; `form` is
    what it came to be, and is saved with it. `HEAD` is the key that says what the head is. `ACTS_ON` has the features
    of its view that a key of its option acts on, where these are not all of them.

    What plans and checks ask of a kind is stated by its class too, as plain values. `ranker` is the option of
    conf/ranker that ranks by such a student. `exhaustive` says of which collections it can rank every passage as a
    teacher: `always`, of a `small` one (evaluation.exhaustive), or `never`, so that it orders proposed lists.
    `reads_texts`: it can be asked about any passage. `reads_pairs`: it reads a query and a passage as one text.
    `passage_tower`: its passages are one vector each, so that another scorer's queries can be compared with them.
    `teaches_by`: the option of conf/loss by which it teaches a student of its kind, where nobody names one.
    """

    kind: ClassVar[str]
    offers: ClassVar[frozenset[str]]
    teachable: ClassVar[bool] = True
    ranker: ClassVar[str | None] = None
    exhaustive: ClassVar[Literal["always", "small", "never"]] = "never"
    reads_texts: ClassVar[bool] = True
    reads_pairs: ClassVar[bool] = False
    passage_tower: ClassVar[bool] = False
    teaches_by: ClassVar[str | None] = None
    FORM: ClassVar[Form] = {}
    HEAD: ClassVar[str] = "projection"
    ACTS_ON: ClassVar[Mapping[str, frozenset[Feature]]] = {}
    form: Form = {}
    tokenisation: Tokenisation | None = None
    attention_layer: int | None = None  # the block whose own attention is read; None: computed from states

    @classmethod
    def saved_as(cls) -> str:
        """Its kind in what is saved of it: there asymmetric scorers, which rank as dual ones, are one of their own."""
        return cls.__name__.lower()

    @classmethod
    def head_of(cls, form: Form) -> str:
        """What head a form has, in words; empty: none with weights. Two that differ cannot take each other's."""
        return f"projection={form[cls.HEAD]}" if form[cls.HEAD] else ""

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        why = f"{at}.checkpoint={node.get('checkpoint')} takes its place; give one of the two"
        return {} if node.get("checkpoint") is None else {"backbone": why}

    @classmethod
    def keeps_order(cls, node: Mapping[str, Any]) -> frozenset[str]:
        """The keys of its option that leave a query's passages in one order, whatever their value."""
        return frozenset({"scale"})

    def formed(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The form that the arguments of its constructor come to: what they say, else the folder that is opened, else
        the default. A scorer that is given its encoders opens none.
        """
        source = None if arguments.get("towers") else arguments["checkpoint"] or arguments["backbone"]
        saved = {} if source is None else saved_form(locate(source), self.saved_as())
        return resolved(self.FORM, saved, arguments)

    @abstractmethod
    def readings(self, batch: Candidates) -> Mapping[Kind, Reading]:
        """What this scorer reads of a batch; equal readings of several scorers are run once."""

    @abstractmethod
    def project(self, encoded: Encoded, kind: Kind, wants: frozenset[Want]) -> Tensors:
        """Of a group of texts, the tensors that scores are computed from; every one has the texts as rows."""

    @abstractmethod
    def score(self, projected: Mapping[Kind, Tensors], batch: Candidates, wants: frozenset[Want], share: Share) -> View:
        """The view of this rank's queries; `share` turns this rank's rows into all ranks' rows."""

    def cacheable(self, kind: Kind, wants: frozenset[Want]) -> str | None:
        """The name of the one tensor of a fixed size that it makes of a text for these wants: worth caching while it is
        frozen. None where there are several, or one a token.
        """
        return None

    def match(self, query: Tensors, passage: Tensors) -> Tensor:
        """The scores of row i of the projected queries with row i of the projected passages: [pair]."""
        raise ValueError(f"a {self.kind} scorer scores no vectors of single texts")

    def reading(self, kind: Kind, tokens: Tokens) -> Reading:
        """Texts of this kind, to be read by the encoder that reads them."""
        return Reading(self.encoder_of(kind), tokens)

    def written(self, kind: Kind) -> Tokenisation | None:
        """How texts of this kind are written for it; None for a scorer that reads none."""
        return self.tokenisation

    def tokenisations(self) -> tuple[Tokenisation, ...]:
        """Every way in which it wants texts written, each once."""
        return () if self.tokenisation is None else (self.tokenisation,)

    def own(self) -> Iterable[tuple[str, nn.Parameter]]:
        """Its parameters by name, without those that it reads through but another role owns."""
        return self.named_parameters()

    def learning(self, kind: Kind) -> bool:
        """Whether training may move what it makes of texts of this kind."""
        return any(value.requires_grad for value in self.parameters())

    def beside_weights(self) -> str:
        """The part of its form, beside its tokenisation, on which the tensors of a text depend."""
        return self.kind

    def weights_digest(self, kind: Kind) -> str:
        """The content digest of what a text of this kind becomes: weights, tokenisation and form. Vectors are cached
        under it.
        """
        digest = hashlib.sha256(repr((self.beside_weights(), self.written(kind))).encode())
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

    @property
    def size(self) -> Size:
        """The depth of its passages' encoder, and the width of its vectors: the linear head's, or that encoder's."""
        encoders, head = list(self.encoders().values()), self.head()
        if not encoders:
            return Size(0, 0)
        return Size(
            len(encoders[-1].kept_layers), head.out_features if isinstance(head, nn.Linear) else encoders[-1].width
        )

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
                self.save_encoder(encoder, home)
        self.save_head(folder)
        write_record(folder, kind=self.saved_as(), encoders=towers, form=self.form)

    def save_encoder(self, encoder: TextEncoder, folder: Path) -> None:
        """Write an encoder."""
        encoder.save(folder)

    def save_head(self, folder: Path) -> None:
        """Write the parameters beside the encoders, where there are any."""
        save_head(self.head(), folder)

    def load_head(self, folder: Path) -> bool:
        """Read the head from a saved scorer of the same kind; False (and a fresh head) where it was saved without one.

        Another library's scorer of this kind is read as well. Raises UserError if the saved head has other sizes,
        numbers that are not finite, this scorer has none for it, or it is not where it should be.
        """
        record = read_record(folder)
        if not record:
            return self._load_foreign(folder)
        if record["kind"] != self.saved_as():
            return False
        saved = saved_head(folder)
        if not saved and head_sizes(self.head()) and not self.head_of(record["form"]):
            return False
        return take_head(self.head(), saved, folder, kind=self.saved_as())

    def _load_foreign(self, folder: Path) -> bool:
        saved, kind = foreign(folder), self.saved_as()
        if saved is None or saved.kind != kind:
            return False
        return take_head(self.head(), saved.linear_map(), folder, kind=kind)


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
