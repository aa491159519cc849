"""The dual encoder: one vector a text, a dot product a pair. Small and fast to serve; the student of nearly every
recipe.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize as unit

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.tokens import Join, Place
from retrieval_kd.encoders.encoder import Encoded, TextEncoder
from retrieval_kd.encoders.pooling import Pooling, pool
from retrieval_kd.encoders.reading import Attention
from retrieval_kd.encoders.unpadded import Reading, Tensors
from retrieval_kd.encoders.weights import locate
from retrieval_kd.scorers.pools import Share, own_list, pool_scores
from retrieval_kd.scorers.projection import IDENTITY, MAPPED, Activation, projection_of
from retrieval_kd.scorers.record import Form
from retrieval_kd.scorers.scorer import Kind, Scorer, blocks, wants_of
from retrieval_kd.scorers.towers import WRITTEN, Opening, Towers, load_towers, write_as
from retrieval_kd.scorers.view import Feature, View, Want
from retrieval_kd.scorers.words import attention_rows, compact


def dot(query: Float[Tensor, "query dim"], passage: Float[Tensor, "passage dim"]) -> Float[Tensor, "query passage"]:
    """q · p of every query with every passage."""
    return query @ passage.T


def same_direction(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
    """Why a sum over the root of the number of tokens is their mean: unit vectors know no length."""
    bent = node["projection"] and (
        node.get("projection_bias") or node.get("projection_activation") not in (None, IDENTITY)
    )
    if node["pooling"] != "mean_sqrt_length" or not node["normalize"] or bent:
        return {}
    return {"pooling": f"unit vectors are those of the mean; set {at}.normalize=false, or {at}.pooling=mean"}


class Dual(Scorer):
    """s(q, p) = scale · v(q) · v(p), v = pooled last states, projected and normalised if asked.

    `projection` adds a linear layer to this many components, with or without a bias, and an activation behind it;
    `normalize` makes v a unit vector, so that the score is a
    cosine times `scale`. Scores by block are dot products of pooled states, neither normalised nor scaled (Sun et
    al. 2024). Its word attention is softmax_j(H_q[i] · H_p[j] / sqrt(dim)) (Reading: methods §2). An argument of `FORM`
    that is null is as the folder says, else as `FORM` does. Raises UserError if weights are missing.
    """

    kind: ClassVar[str] = "dual"
    ranker: ClassVar[str | None] = "dense"
    exhaustive: ClassVar[Literal["always", "small", "never"]] = "always"
    teaches_by: ClassVar[str | None] = "aligned"
    passage_tower: ClassVar[bool] = True
    FORM: ClassVar[Form] = {
        "shared": True,
        "pooling": "mean",
        **MAPPED,
        "normalize": True,
        "scale": 20.0,
        **WRITTEN,
    }
    offers: ClassVar[frozenset[str]] = frozenset({"scores", "pool", "layers", "pool_layers", "attention", "vectors"})
    ACTS_ON: ClassVar[Mapping[str, frozenset[Feature]]] = {
        "scale": frozenset({"scores", "pool"}),
        **dict.fromkeys((*MAPPED, "normalize"), frozenset({"scores", "pool", "vectors"})),
        "pooling": frozenset({"scores", "pool", "vectors", "layers", "pool_layers"}),
    }

    def __init__(
        self,
        *,
        backbone: str,
        checkpoint: str | None,
        layers: int | list[int] | None,
        dropout: float,
        attention: Attention | None,
        shared: bool | None,
        pooling: Pooling | None,
        projection: int | None,
        projection_bias: bool | None,
        projection_activation: Activation | None,
        normalize: bool | None,
        scale: float | None,
        query_length: int | None,
        passage_length: int | None,
        query_marker: Literal[""] | str | None,
        passage_marker: Literal[""] | str | None,
        marker_at: Place | None,
        pad_queries: bool | None,
        close: bool | None,
        join: Join | None,
        towers: Towers | None = None,
    ) -> None:
        super().__init__()
        form = self.formed(locals())
        options: Opening = {"layers": layers, "dropout": dropout, "attention": attention}
        self.towers = towers or load_towers(
            locate(checkpoint or backbone), **options, shared=form["shared"], kind="dual"
        )
        self.form = {**form, "shared": self.towers.query is self.towers.passage}
        self.pooling, self.normalize, self.scale = form["pooling"], form["normalize"], form["scale"]
        self.projection = projection_of(form, self.towers.query.width)
        self.tokenisation = write_as(self.towers, form)

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        return {**Scorer.unread(node, at), **same_direction(node, at)}

    def encoders(self) -> Mapping[str, TextEncoder]:
        return self.towers.named()

    def encoder_of(self, kind: Kind) -> TextEncoder:
        return self.towers.query if kind == "query" else self.towers.passage

    def head(self) -> nn.Module:
        return self.projection

    def readings(self, batch: Candidates) -> Mapping[Kind, Reading]:
        assert self.tokenisation is not None
        texts = batch.texts[self.tokenisation]
        assert texts.query is not None
        return {
            "query": self.reading("query", texts.query),
            "passage": self.reading("passage", texts.passage.flat()),
        }

    def project(self, encoded: Encoded, kind: Kind, wants: frozenset[Want]) -> Tensors:
        tensors: Tensors = {}
        if wants_of(wants, "scores", "pool", "vectors"):
            vector = self.projection(pool(encoded.states, encoded.text, self.pooling))
            tensors["vector"] = unit(vector, dim=-1) if self.normalize else vector
        for layer in sorted(encoded.layers):
            tensors[f"layer {layer}"] = pool(encoded.layers[layer], encoded.text, self.pooling)
        if wants_of(wants, "attention"):
            tensors["words"], tensors["mask"] = compact(encoded.states, encoded.text.word)
        return tensors

    def cacheable(self, kind: Kind, wants: frozenset[Want]) -> str | None:
        return "vector" if {want.feature for want in wants} <= {"scores", "pool", "vectors"} else None

    def score(self, projected: Mapping[Kind, Tensors], batch: Candidates, wants: frozenset[Want], share: Share) -> View:
        query, passage = projected["query"], projected["passage"]
        by_layer = sorted(blocks(wants, len(self.towers.query.kept_layers)))
        pooled = self._pool("vector", projected, batch, share) * self.scale if wants_of(wants, "pool") else None
        scores = None
        if wants_of(wants, "scores"):
            scores = (
                own_list(pooled, batch) if pooled is not None else self._list("vector", projected, batch) * self.scale
            )
        attention, query_mask, passage_mask = (
            attention_rows(query, passage, batch) if wants_of(wants, "attention") else (None, None, None)
        )
        vectors = {}
        if wants_of(wants, "vectors"):
            vectors = {"query": query["vector"], "passage": passage["vector"].unflatten(0, (batch.local, -1))}
        return View(
            scores=scores,
            pool=pooled,
            layers={n: self._list(f"layer {n}", projected, batch) for n in by_layer}
            if wants_of(wants, "layers")
            else {},
            pool_layers={n: self._pool(f"layer {n}", projected, batch, share) for n in by_layer}
            if wants_of(wants, "pool_layers")
            else {},
            attention=attention,
            query_mask=query_mask,
            passage_mask=passage_mask,
            vectors=vectors,
        )

    def match(self, query: Tensors, passage: Tensors) -> Tensor:
        return (query["vector"] * passage["vector"]).sum(-1) * self.scale

    def beside_weights(self) -> str:
        return f"dual {self.pooling} {self.normalize} {self.form['projection_activation']}"

    def _pool(self, name: str, projected: Mapping[Kind, Tensors], batch: Candidates, share: Share) -> Tensor:
        return pool_scores(dot, (projected["query"][name],), (projected["passage"][name],), batch, share)

    def _list(self, name: str, projected: Mapping[Kind, Tensors], batch: Candidates) -> Tensor:
        lists = projected["passage"][name].unflatten(0, (batch.local, -1))
        return torch.einsum("qd,qcd->qc", projected["query"][name], lists)
