"""The cross-encoder: query and passage read together, one score a pair. Strong and slow; a teacher."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.tokens import Join, Tokens
from retrieval_kd.encoders.classifier import ClassifierHead
from retrieval_kd.encoders.dropout import set_dropout
from retrieval_kd.encoders.encoder import Encoded, TextEncoder
from retrieval_kd.encoders.pooling import Pooling, pool
from retrieval_kd.encoders.reading import Attention
from retrieval_kd.encoders.unpadded import Reading, Tensors
from retrieval_kd.encoders.weights import locate
from retrieval_kd.errors import UserError
from retrieval_kd.scorers import foreign_cross
from retrieval_kd.scorers.foreign_cross import CLASSIFIER, POOLER
from retrieval_kd.scorers.pools import Share
from retrieval_kd.scorers.projection import IDENTITY, RISING, Activation, activation_of
from retrieval_kd.scorers.record import HEAD_FILE, Form, encoder_folder, read_record
from retrieval_kd.scorers.scorer import Kind, Scorer, blocks, wants_of
from retrieval_kd.scorers.towers import Towers, load_towers, write_as
from retrieval_kd.scorers.view import Feature, View, Want
from retrieval_kd.scorers.words import word_places

SAME = "same"  # the head's dropout is the encoder's


class Cross(Scorer):
    """s(q, p) = scale · act(w · h(q, p) + b), h pooled from the last states of "[CLS] q [SEP] p [SEP]", joined without
    tokenising again.

    `pooling`: `mean` over the pair's tokens; `cls`, the first one's state; `pooler`, that state through a dense layer
    with tanh; or `classifier`, the head of the sequence classifier that the folder holds, as `transformers` computes
    it: then the score is `activation` of the logit of `label`, a number or a name (needed where there are several). A
    BERT's classifier is read by `pooler` as well. Scores by block use the same head. The passage is of segment 1
    if `segments`, where the family has any, and the pair ends with a [SEP] if `close`; no family needs either.
    `head_dropout` is before the head: a number, or the `same` as in the encoder. Word attention is
    `attention_layer`'s, rows query words, columns passage words, of the heads' mean or the mean of each head's; it
    needs eager attention, which is used if `word_attention` is true (null: where a term of the loss reads it). An
    argument of `FORM` that is null is as the folder says, else as `FORM` does. Raises UserError if weights are missing,
    there is no such `attention_layer` or label, or the folder is a classifier and the pooling another, or none and the
    pooling `classifier`.
    """

    kind: ClassVar[str] = "cross"
    ranker: ClassVar[str | None] = "rerank"
    reads_pairs: ClassVar[bool] = True
    FORM: ClassVar[Form] = {
        "pooling": "mean",
        "label": "0",
        "activation": IDENTITY,
        "scale": 1.0,
        "query_length": 64,
        "passage_length": 256,
        "segments": True,
        "close": True,
        "join": "blank",
        "head_dropout": SAME,
        "attention_layer": -1,
    }
    HEAD: ClassVar[str] = "pooling"
    offers: ClassVar[frozenset[str]] = frozenset({"scores", "layers", "attention", "states"})
    ACTS_ON: ClassVar[Mapping[str, frozenset[Feature]]] = {
        **dict.fromkeys(("label", "activation", "scale"), frozenset({"scores", "layers"})),
        "pooling": frozenset({"scores", "layers", "states"}),
        "attention_layer": frozenset({"attention"}),
    }

    def __init__(
        self,
        *,
        backbone: str,
        checkpoint: str | None,
        layers: int | list[int] | None,
        dropout: float,
        attention: Attention | None,
        pooling: Literal["mean", "cls", "pooler", "classifier"] | None,
        label: int | str | None,
        activation: Activation | None,
        scale: float | None,
        query_length: int | None,
        passage_length: int | None,
        segments: bool | None,
        close: bool | None,
        join: Join | None,
        head_dropout: Literal["same"] | float | None,
        word_attention: bool | None,
        attention_layer: int | None,
        towers: Towers | None = None,
    ) -> None:
        super().__init__()
        if word_attention and attention == "sdpa":
            raise UserError("attention=sdpa shows no words' attention: give attention=null, or word_attention=false")
        attention = "eager" if word_attention else attention
        self.form = form = self.formed(locals())
        self.towers, head = (towers, None) if towers else self._open(locals())
        encoder = self.towers.query
        if segments and not encoder.has_segments:
            raise UserError(f"segments=true: {encoder.folder} has no segments (token types); leave it null")
        self.form = {**self.form, "segments": form["segments"] and encoder.has_segments}
        dropped = dropout if form["head_dropout"] == SAME else form["head_dropout"]
        self.classifier = head or self._new_head(encoder.width)
        set_dropout(self.classifier, dropped)
        self.scale, self.attention_layer = form["scale"], _place(form["attention_layer"], len(encoder.kept_layers))
        self.pooling: Pooling = "mean" if form["pooling"] == "mean" else "cls"
        self.activation = activation_of(form["activation"])
        self.tokenisation = write_as(self.towers, form, layout="joined")

    def _open(self, arguments: Mapping[str, Any]) -> tuple[Towers, ClassifierHead | None]:
        """The encoder of a folder, and its head where that is a sequence classifier's."""
        options = {key: arguments[key] for key in ("layers", "dropout", "attention")}
        folder = locate(arguments["checkpoint"] or arguments["backbone"])
        home, pooling = encoder_folder(folder, "query"), self.form["pooling"]
        if (folder / HEAD_FILE).exists() or not foreign_cross.is_classifier(home):
            if pooling == CLASSIFIER:
                raise UserError(
                    f"pooling={pooling}: {folder} holds no sequence classifier; give one, or another pooling"
                )
            if arguments["label"] is not None and not read_record(folder):
                raise UserError(
                    f"label={arguments['label']}: {folder} holds no sequence classifier; give one, or no label"
                )
            return load_towers(folder, shared=True, kind=self.kind, **options), None
        if pooling not in (POOLER, CLASSIFIER):
            raise UserError(
                f"pooling={pooling}: {folder} holds a sequence classifier, whose head this would drop; give "
                "pooling=null, or its backbone alone, as AutoModel.from_pretrained(…).save_pretrained(…) writes it"
            )
        label = foreign_cross.label_number(home, str(self.form["label"]))
        self.form = {**self.form, "label": str(label)}
        encoder, head = TextEncoder.load_with_head(home, **options)
        return Towers(encoder, encoder), head

    def _new_head(self, width: int) -> nn.Module:
        dense = [nn.Linear(width, width), nn.Tanh()] if self.form["pooling"] == POOLER else []
        return nn.Sequential(*dense, nn.Dropout(), nn.Linear(width, 1))

    @classmethod
    def keeps_order(cls, node: Mapping[str, Any]) -> frozenset[str]:
        rises = node["activation"] in RISING
        return super().keeps_order(node) | {"attention_layer", *(("activation",) if rises else ())}

    @classmethod
    def head_of(cls, form: Form) -> str:
        return f"pooling={POOLER}" if form["pooling"] in (POOLER, CLASSIFIER) else "pooling=mean or cls"

    def encoders(self) -> Mapping[str, TextEncoder]:
        return self.towers.named()

    def encoder_of(self, kind: Kind) -> TextEncoder:
        return self.towers.query

    def beside_weights(self) -> str:
        values = (self.form[key] for key in ("pooling", "label", "activation", "scale", "segments"))
        return f"{self.kind} {' '.join(map(str, values))}"

    def head(self) -> nn.Module:
        return self.classifier

    def load_head(self, folder: Path) -> bool:
        return isinstance(self.classifier, ClassifierHead) or super().load_head(folder)

    def save_encoder(self, encoder: TextEncoder, folder: Path) -> None:
        encoder.save(folder, head=self.classifier if isinstance(self.classifier, ClassifierHead) else None)

    def save_head(self, folder: Path) -> None:
        if not isinstance(self.classifier, ClassifierHead):
            super().save_head(folder)

    def readings(self, batch: Candidates) -> Mapping[Kind, Reading]:
        assert self.tokenisation is not None
        return {"pair": self.reading("pair", batch.texts[self.tokenisation].passage.flat())}

    def reading(self, kind: Kind, tokens: Tokens) -> Reading:
        return super().reading(kind, tokens)._replace(segments=self.form["segments"])

    def project(self, encoded: Encoded, kind: Kind, wants: frozenset[Want]) -> Tensors:
        tensors: Tensors = {}
        if wants_of(wants, "scores"):
            tensors["score"] = self._score(encoded.states, encoded.text)
        for layer in sorted(encoded.layers):
            tensors[f"layer {layer}"] = self._score(encoded.layers[layer], encoded.text)
        if wants_of(wants, "states"):
            tensors["state"] = pool(encoded.states, encoded.text, self.pooling)
        if wants_of(wants, "attention"):
            assert encoded.attention is not None
            heads = encoded.attention if _each_head(wants) else encoded.attention.mean(1, keepdim=True)
            tensors |= _block(heads, encoded.text.word, encoded.text.segment == 1)
        return tensors

    def cacheable(self, kind: Kind, wants: frozenset[Want]) -> str | None:
        return "score" if {want.feature for want in wants} == {"scores"} else None

    def score(self, projected: Mapping[Kind, Tensors], batch: Candidates, wants: frozenset[Want], share: Share) -> View:
        pair = {name: tensor.unflatten(0, (batch.local, -1)) for name, tensor in projected["pair"].items()}
        by_layer = sorted(blocks(wants, len(self.towers.query.kept_layers)))
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
            if isinstance(self.classifier, ClassifierHead):
                logits = self.classifier(states, text)[:, int(self.form["label"])]
            else:
                logits = self.classifier(pool(states, text, self.pooling)).squeeze(-1)
            scores: Tensor = self.activation(logits) * self.scale
        return scores


def _place(layer: int, depth: int) -> int:
    """A block counted from 0; negative ones from the last."""
    if not -depth <= layer < depth:
        raise UserError(
            f"attention_layer={layer}: the encoder has {depth} layers; give one from {-depth} to {depth - 1}"
        )
    return layer % depth


def _each_head(wants: frozenset[Want]) -> bool:
    """Whether attention is wanted head by head. Raises ValueError where it is wanted both ways in one step."""
    ways = {want.heads for want in wants if want.feature == "attention"}
    if len(ways) > 1:
        raise ValueError("one step wants attention of each head and of their mean: give its terms the same heads")
    return ways == {"each"}


def _block(attention: Tensor, word: Tensor, second: Tensor) -> Tensors:
    """Rows of query words and columns of passage words, moved to the front, with their masks; a row's shares of the
    passage's words sum to 1 in each head, whose mean is returned.
    """
    rows, query = word_places(word & ~second)
    columns, passage = word_places(word & second)
    heads = attention.shape[1]
    by_row = attention.gather(2, rows[:, None, :, None].expand(-1, heads, -1, attention.shape[-1]))
    block = by_row.gather(3, columns[:, None, None].expand(-1, heads, rows.shape[1], -1))
    block = block * (query[..., None] * passage[:, None])[:, None]
    shares = block / block.sum(-1, keepdim=True).clamp(min=torch.finfo(block.dtype).tiny)
    return {"attention": shares.mean(1), "query_mask": query, "passage_mask": passage}
