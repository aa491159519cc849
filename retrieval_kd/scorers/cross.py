"""The cross-encoder: query and passage read together, one score a pair. Strong and slow; a teacher."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor, nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.encoders.encoder import Encoded, TextEncoder
from retrieval_kd.encoders.pooling import Pooling, pool
from retrieval_kd.encoders.unpadded import Kept, Reading
from retrieval_kd.encoders.weights import locate
from retrieval_kd.scorers.pools import Share
from retrieval_kd.scorers.record import Form
from retrieval_kd.scorers.scorer import Kind, Scorer, blocks, wants_of
from retrieval_kd.scorers.towers import Towers, load_towers, write_as
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.scorers.words import word_places
from retrieval_kd.text.fault import Fault


class Cross(Scorer):
    """s(q, p) = scale · w · h(q, p) + b, h pooled from the last states of "[CLS] q [SEP] p [SEP]", joined without
    tokenising again.

    `pooling`: `mean` over the pair's tokens; `cls`, the first one's state; or `pooler`, that state through a dense
    layer with tanh, as BERT's sequence classifiers have: a checkpoint that `transformers` saved as such a classifier
    with one label brings its head along. Scores by block use the same head. Word attention is
    `attention_layer`'s, rows query words, columns passage words, of the heads' mean or the mean of each head's; it
    needs eager attention, which is used if `word_attention` is true (null: where a term of the loss reads it). An
    argument of `FORM` that is null is as the folder says, else as `FORM` does. Raises Fault if weights are missing,
    there is no such `attention_layer`, or the checkpoint is a classifier and the pooling `mean`.
    """

    kind: ClassVar[str] = "cross"
    FORM: ClassVar[Form] = {
        "pooling": "mean",
        "scale": 1.0,
        "query_length": 64,
        "passage_length": 256,
        "attention_layer": -1,
    }
    HEAD: ClassVar[str] = "pooling"
    offers: ClassVar[frozenset[str]] = frozenset({"scores", "layers", "attention", "states"})

    def __init__(
        self,
        *,
        backbone: str,
        checkpoint: str | None,
        layers: int | list[int] | None,
        dropout: float,
        pooling: Literal["mean", "cls", "pooler"] | None,
        scale: float | None,
        query_length: int | None,
        passage_length: int | None,
        word_attention: bool | None,
        attention_layer: int | None,
        towers: Towers | None = None,
    ) -> None:
        super().__init__()
        attention = "eager" if word_attention else "sdpa"
        self.form = form = self.formed(locals())
        self.towers = towers or load_towers(
            backbone=backbone, checkpoint=checkpoint, layers=layers, dropout=dropout, shared=True, attention=attention
        )
        encoder = self.towers.query
        self.scale, self.attention_layer = form["scale"], _place(form["attention_layer"], len(encoder.kept))
        self.pooling: Pooling = "mean" if form["pooling"] == "mean" else "cls"
        dense = [nn.Linear(encoder.width, encoder.width), nn.Tanh()] if form["pooling"] == "pooler" else []
        self.classifier = nn.Sequential(*dense, nn.Dropout(dropout), nn.Linear(encoder.width, 1))
        self.tokenisation = write_as(self.towers, form, layout="joined")

    @classmethod
    def head_of(cls, form: Form) -> str:
        return "pooling=pooler" if form["pooling"] == "pooler" else "pooling=mean or cls"

    def encoders(self) -> Mapping[str, TextEncoder]:
        return self.towers.named()

    def encoder_of(self, kind: Kind) -> TextEncoder:
        return self.towers.query

    def beside_weights(self) -> str:
        return f"{self.kind} {self.pooling} {self.scale}"

    def head(self) -> nn.Module:
        return self.classifier

    def load_head(self, folder: Path) -> bool:
        return super().load_head(folder) or _read_classifier(self.classifier, folder, self.pooling)

    def readings(self, batch: Candidates) -> Mapping[Kind, Reading]:
        assert self.tokenisation is not None
        return {"pair": Reading(self.towers.query, batch.texts[self.tokenisation].passage.flat())}

    def keep(self, encoded: Encoded, kind: Kind, wants: frozenset[Want]) -> Kept:
        kept: Kept = {}
        if wants_of(wants, "scores"):
            kept["score"] = self._score(encoded.states, encoded.text)
        for layer in sorted(encoded.layers):
            kept[f"layer {layer}"] = self._score(encoded.layers[layer], encoded.text)
        if wants_of(wants, "states"):
            kept["state"] = pool(encoded.states, encoded.text, self.pooling)
        if wants_of(wants, "attention"):
            assert encoded.attention is not None
            heads = encoded.attention if _each_head(wants) else encoded.attention.mean(1, keepdim=True)
            kept |= _block(heads, encoded.text.word, encoded.text.segment == 1)
        return kept

    def lasting(self, kind: Kind, wants: frozenset[Want]) -> str | None:
        return "score" if {want.feature for want in wants} == {"scores"} else None

    def compare(self, kept: Mapping[Kind, Kept], batch: Candidates, wants: frozenset[Want], share: Share) -> View:
        pair = {name: tensor.unflatten(0, (batch.local, -1)) for name, tensor in kept["pair"].items()}
        by_layer = sorted(blocks(wants, len(self.towers.query.kept)))
        return View(
            scores=pair.get("score"),
            layers={layer: pair[f"layer {layer}"] for layer in by_layer},
            attention=pair.get("attention"),
            query_mask=pair["query_mask"].any(1) if "query_mask" in pair else None,
            passage_mask=pair.get("passage_mask"),
            states=pair.get("state"),
        )

    def _score(self, states: Float[Tensor, "text token dim"], text: Tokens) -> Float[Tensor, "text"]:
        with torch.autocast(states.device.type, enabled=False):
            found: Tensor = self.classifier(pool(states, text, self.pooling)).squeeze(-1) * self.scale
        return found


def _place(layer: int, depth: int) -> int:
    """A block counted from 0; negative ones from the last."""
    if not -depth <= layer < depth:
        raise Fault(f"attention_layer={layer}: the encoder has {depth} layers; give one from {-depth} to {depth - 1}")
    return layer % depth


def _each_head(wants: frozenset[Want]) -> bool:
    """Whether attention is wanted head by head. Raises ValueError where it is wanted both ways in one step."""
    ways = {want.heads for want in wants if want.feature == "attention"}
    if len(ways) > 1:
        raise ValueError("one step wants attention of each head and of their mean: give its terms one word for heads")
    return ways == {"each"}


def _block(attention: Tensor, word: Tensor, second: Tensor) -> Kept:
    """Rows of query words and columns of passage words, moved to the front, with their masks; a row's shares of the
    passage's words sum to 1 in each head, of which the mean is kept.
    """
    rows, query = word_places(word & ~second)
    columns, passage = word_places(word & second)
    heads = attention.shape[1]
    some = attention.gather(2, rows[:, None, :, None].expand(-1, heads, -1, attention.shape[-1]))
    block = some.gather(3, columns[:, None, None].expand(-1, heads, rows.shape[1], -1))
    block = block * (query[..., None] * passage[:, None])[:, None]
    shares = block / block.sum(-1, keepdim=True).clamp(min=torch.finfo(block.dtype).tiny)
    return {"attention": shares.mean(1), "query_mask": query, "passage_mask": passage}


def _read_classifier(classifier: nn.Module, folder: Path, pooling: Pooling) -> bool:
    """The head of a one-label sequence classifier saved by `transformers`, where the folder holds one of the same
    shape.
    """
    path = locate(str(folder)) / "model.safetensors"
    if not path.exists():
        return False
    linear = [layer for layer in classifier.modules() if isinstance(layer, nn.Linear)]
    words = ["dense", "classifier"][-len(linear) :]
    with safe_open(path, framework="pt") as weights, torch.no_grad():
        names = [name for name in weights.keys() if "pooler." in name or name.startswith("classifier.")]  # noqa: SIM118
        if "classifier.weight" not in names or len(weights.get_tensor("classifier.weight")) != 1:
            return False
        if pooling == "mean":
            raise Fault(
                f"{folder}: a sequence classifier reads the first token: give pooling=pooler, or cls without a pooler"
            )
        if len(names) != 2 * len(words):
            return False
        parts = [(layer, word, part) for layer, word in zip(linear, words, strict=True) for part in ("weight", "bias")]
        found = {
            getattr(layer, part): weights.get_tensor(next(name for name in names if name.endswith(f"{word}.{part}")))
            for layer, word, part in parts
        }
        if any(mine.shape != theirs.shape for mine, theirs in found.items()):
            return False
        for mine, theirs in found.items():
            mine.copy_(theirs)
    return True
