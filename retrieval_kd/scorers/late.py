"""Late interaction (ColBERT): one vector a token, the best passage token for each query token."""

import string
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import normalize as unit

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.tokens import Join, Place, Tokens
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.encoders.encoder import Encoded, TextEncoder
from retrieval_kd.encoders.reading import Attention, tell_once
from retrieval_kd.encoders.unpadded import Reading, Tensors
from retrieval_kd.encoders.weights import locate
from retrieval_kd.scorers.max_sim import MaxSim
from retrieval_kd.scorers.pools import Share, list_scores, own_list, pool_scores
from retrieval_kd.scorers.projection import MAPPED, Activation, projection_of
from retrieval_kd.scorers.record import Form
from retrieval_kd.scorers.scorer import Kind, Scorer, blocks, wants_of
from retrieval_kd.scorers.towers import WRITTEN, Opening, Towers, load_towers, write_as
from retrieval_kd.scorers.view import Feature, View, Want
from retrieval_kd.scorers.words import attention_rows, compact

PUNCTUATION = "punctuation"  # all of ASCII's, as ColBERT leaves it out


def max_sim(
    query: Float[Tensor, "query query_token dim"],
    passage: Float[Tensor, "passage passage_token dim"],
    query_mask: Bool[Tensor, "query query_token"],
    passage_mask: Bool[Tensor, "passage passage_token"],
) -> Float[Tensor, "query passage"]:
    """Σ_i max_j q_i · p_j (Khattab & Zaharia 2020, eq. 3).

    Masked passage tokens never win, masked query tokens add nothing; a passage without tokens scores 0.
    """
    best = MaxSim.apply(query[query_mask], passage, passage_mask)
    owner = torch.arange(len(query), device=query.device)[:, None].expand_as(query_mask)[query_mask]
    return best.new_zeros((len(query), len(passage))).index_add(0, owner, best)


class Late(Scorer):
    """s(q, p) = scale · Σ_i max_j q_i · p_j, divided by the number of query tokens where `average` is true.

    Raw MaxSim is nearly one-hot in a softmax, so the default is an average of cosines times `scale`. `over` says which
    tokens take part: all `real` ones, or `words` without specials and markers; of passages those of `skip` do not,
    which is `punctuation`, or words of the vocabulary with blanks between them. Queries may be filled up with [MASK]
    that look at words and are not looked at (`attend_padding` false). `projection` adds a linear layer, with or without
    a bias, and an activation behind it; `normalize_query` and `normalize_passage` make token vectors unit ones. Scores
    by block are MaxSim of states, neither projected nor normalised nor scaled. Word attention is
    softmax_j(H_q[i] · H_p[j] / sqrt(dim)). An argument of `FORM` that is null is as the folder says, else as `FORM`
    does. Raises UserError if weights are missing.
    """

    kind: ClassVar[str] = "late"
    ranker: ClassVar[str | None] = "late"
    exhaustive: ClassVar[Literal["always", "small", "never"]] = "small"
    FORM: ClassVar[Form] = {
        "shared": True,
        "over": "real",
        "skip": "",
        **MAPPED,
        "normalize_query": True,
        "normalize_passage": True,
        "average": True,
        "scale": 20.0,
        **WRITTEN,
        "attend_padding": True,
    }
    offers: ClassVar[frozenset[str]] = frozenset({"scores", "pool", "layers", "pool_layers", "attention"})
    ACTS_ON: ClassVar[Mapping[str, frozenset[Feature]]] = {
        **dict.fromkeys(
            (*MAPPED, "normalize_query", "normalize_passage", "average", "scale"), frozenset({"scores", "pool"})
        ),
        **dict.fromkeys(("over", "skip"), frozenset({"scores", "pool", "layers", "pool_layers"})),
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
        over: Literal["real", "words"] | None,
        skip: Literal[""] | str | None,
        projection: int | None,
        projection_bias: bool | None,
        projection_activation: Activation | None,
        normalize_query: bool | None,
        normalize_passage: bool | None,
        average: bool | None,
        scale: float | None,
        query_length: int | None,
        passage_length: int | None,
        query_marker: Literal[""] | str | None,
        passage_marker: Literal[""] | str | None,
        marker_at: Place | None,
        pad_queries: bool | None,
        attend_padding: bool | None,
        close: bool | None,
        join: Join | None,
        towers: Towers | None = None,
    ) -> None:
        super().__init__()
        form = self.formed(locals())
        options: Opening = {"layers": layers, "dropout": dropout, "attention": attention}
        self.towers = towers or load_towers(
            locate(checkpoint or backbone), **options, shared=form["shared"], kind="late"
        )
        self.form = {**form, "shared": self.towers.query is self.towers.passage}
        self.over, self.average, self.scale = form["over"], form["average"], form["scale"]
        self.normalize = {"query": form["normalize_query"], "passage": form["normalize_passage"]}
        self.projection = projection_of(form, self.towers.query.width)
        self.tokenisation = write_as(self.towers, form)
        self.skipped: Tensor
        self.register_buffer("skipped", self._skipped_pieces(form["skip"]), persistent=False)

    @classmethod
    def keeps_order(cls, node: Mapping[str, Any]) -> frozenset[str]:
        return super().keeps_order(node) | {"average"}

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
        return {"query": self.reading("query", texts.query), "passage": self.reading("passage", texts.passage.flat())}

    def reading(self, kind: Kind, tokens: Tokens) -> Reading:
        reading = super().reading(kind, tokens)
        if kind == "passage" or not self.form["pad_queries"] or self.form["attend_padding"]:
            return reading
        return reading._replace(unattended=vocabulary(str(self.towers.query.folder)).mask)

    def project(self, encoded: Encoded, kind: Kind, wants: frozenset[Want]) -> Tensors:
        mask = encoded.text.word if self.over == "words" else encoded.text.mask
        if kind == "passage" and len(self.skipped):
            mask = mask & ~torch.isin(encoded.text.ids, self.skipped)
        tensors: Tensors = {"counted": mask}
        if wants_of(wants, "scores", "pool"):
            tokens = self.projection(encoded.states)
            tensors["tokens"] = unit(tokens, dim=-1) if self.normalize[kind] else tokens
        for layer in sorted(encoded.layers):
            tensors[f"layer {layer}"] = encoded.layers[layer]
        if wants_of(wants, "attention"):
            tensors["words"], tensors["mask"] = compact(encoded.states, encoded.text.word)
        return tensors

    def score(self, projected: Mapping[Kind, Tensors], batch: Candidates, wants: frozenset[Want], share: Share) -> View:
        by_layer = sorted(blocks(wants, len(self.towers.query.kept_layers)))
        pooled = (
            self._scaled(self._pool("tokens", projected, batch, share), projected) if wants_of(wants, "pool") else None
        )
        scores = None
        if wants_of(wants, "scores"):
            scores = (
                own_list(pooled, batch)
                if pooled is not None
                else self._scaled(self._list("tokens", projected, batch), projected)
            )
        attention, query_mask, passage_mask = (
            attention_rows(projected["query"], projected["passage"], batch)
            if wants_of(wants, "attention")
            else (None, None, None)
        )
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
        )

    def match(self, query: Tensors, passage: Tensors) -> Tensor:
        products = torch.einsum("bid,bjd->bij", query["tokens"], passage["tokens"])
        best = products.masked_fill(~passage["counted"][:, None], -torch.inf).amax(-1)
        counted = query["counted"] & passage["counted"].any(1, keepdim=True)
        return best.masked_fill(~counted, 0.0).sum(-1) * self.factor(query["counted"])[:, 0]

    def beside_weights(self) -> str:
        values = (self.form[key] for key in ("skip", "attend_padding", "projection_activation"))
        return f"late {self.over} {self.normalize} {' '.join(map(str, values))}"

    def _skipped_pieces(self, skip: str) -> Tensor:
        """The pieces of the vocabulary that take no part in passages."""
        skipped, folder = (
            list(string.punctuation) if skip == PUNCTUATION else skip.split(),
            self.towers.passage.folder,
        )
        pieces = vocabulary(str(folder)).known(skipped)
        if len(pieces) < len(skipped) and skip != PUNCTUATION:
            lacking = [word for word in skipped if not vocabulary(str(folder)).known([word])]
            tell_once(
                f"skip={skip}: the vocabulary in {folder} has no word {' nor '.join(lacking)}, so none is skipped"
            )
        return torch.tensor(pieces, dtype=torch.int64)

    def factor(self, counted: Bool[Tensor, "query query_token"]) -> Float[Tensor, "query 1"]:
        """What MaxSim is multiplied by for each query: scale, over its number of tokens where the average is taken."""
        tokens = (
            counted.sum(1, keepdim=True).clamp(min=1)
            if self.average
            else torch.ones_like(counted[:, :1], dtype=torch.long)
        )
        return self.scale / tokens.to(torch.get_default_dtype())

    def _scaled(self, scores: Tensor, projected: Mapping[Kind, Tensors]) -> Tensor:
        return scores * self.factor(projected["query"]["counted"]).to(scores.dtype)

    def _pool(self, name: str, projected: Mapping[Kind, Tensors], batch: Candidates, share: Share) -> Tensor:
        query, passage = projected["query"], projected["passage"]
        return pool_scores(_compare, (query[name], query["counted"]), (passage[name], passage["counted"]), batch, share)

    def _list(self, name: str, projected: Mapping[Kind, Tensors], batch: Candidates) -> Tensor:
        query, passage = projected["query"], projected["passage"]
        return list_scores(_compare, (query[name], query["counted"]), (passage[name], passage["counted"]), batch)


def _compare(query: Tensor, query_mask: Tensor, passage: Tensor, passage_mask: Tensor) -> Tensor:
    return max_sim(query, passage, query_mask, passage_mask)
