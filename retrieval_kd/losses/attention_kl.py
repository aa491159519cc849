"""Word-level distillation: where a query's words look in the passage."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import upcast, weighted_mean
from retrieval_kd.losses.term import Term, positive_number
from retrieval_kd.scorers.view import Heads, View, Want, wanted
from retrieval_kd.shapes import Attention, ListMask, PassageWords, PerQuery, QueryWords, Scalar

Distance = Literal["kl", "mse"]
Per = Literal["row", "pair"]


def attention_kl(
    learner: Attention,
    guide: Attention,
    *,
    query_mask: QueryWords,
    passage_mask: PassageWords,
    present: ListMask | None = None,
    query_weight: PerQuery | None = None,
) -> Scalar:
    """KL(guide row || learner row), a flat mean over valid (query, candidate, query word) rows.

    Both sides are row distributions over passage words; masked columns are dropped and both sides renormalised; a
    passage without words is skipped. Source: MD2PR (2023), a reading; `attention_distance` has the published form.
    """
    return attention_distance(
        learner,
        guide,
        query_mask=query_mask,
        passage_mask=passage_mask,
        present=present,
        distance="kl",
        per="row",
        soften_guide=False,
        query_weight=query_weight,
    )


def attention_distance(
    learner: Attention,
    guide: Attention,
    *,
    query_mask: QueryWords,
    passage_mask: PassageWords,
    present: ListMask | None,
    distance: Distance,
    per: Per,
    soften_guide: bool,
    query_weight: PerQuery | None,
) -> Scalar:
    """How far the learner's rows are from the guide's: Σ g log(g / l) for `kl`, Σ (l - g)² for `mse`, over a passage's
    words; a mean over rows, or over pairs of the sums of their rows, as `per` says.

    Rows as in `attention_kl`. `soften_guide` makes each row x of the guide softmax(x) over its words once more.
    Source: `attention_map_loss`, SimXNS LEAD/util.py:467-502: kl, per pair, softened; `virt_loss`, 531-537: mse, per
    pair for guides with two towers; for a cross-encoder softened, and divided by the padded number of query words too,
    which is per row where queries are equally long. Differs: there each head of the guide meets the same head of the
    learner, and rows are not renormalised before the softmax.
    """
    columns = passage_mask if present is None else passage_mask & present[:, :, None]
    word_columns = columns[:, :, None]
    predicted, target = _rows(learner, word_columns), _rows(guide, word_columns)
    target = _rows(target.exp(), word_columns) if soften_guide else target
    divergence = target * (target.clamp(min=_TINY).log() - predicted.clamp(min=_TINY).log())
    cost = (divergence if distance == "kl" else (predicted - target) ** 2).sum(-1)
    valid = query_mask[:, None] & columns.any(-1)[:, :, None]
    if per == "row":
        return weighted_mean(cost, valid, query_weight)
    return weighted_mean(cost.masked_fill(~valid, 0.0).sum(-1), valid.any(-1), query_weight)


_TINY = 1e-30


def _rows(attention: Tensor, columns: Tensor) -> Tensor:
    shares = attention.masked_fill(~columns, 0.0)
    return shares / shares.sum(-1, keepdim=True).clamp(min=_TINY)


def softened(attention: Attention, temperature: float) -> Attention:
    """Rows softmax(x / temperature) where `attention` has the rows softmax(x)."""
    if temperature == 1.0:
        return attention
    logs = attention.clamp(min=_TINY).log() / temperature
    return logs.masked_fill(attention <= 0, torch.finfo(logs.dtype).min).softmax(-1) * (attention > 0)


class AttentionKL(Term):
    """The learner's word attention follows the guide's over the own list.

    `distance`: `kl`, or `mse` (VIRT's). `per`: a mean over query words' rows, or over pairs of their rows' sums.
    `soften_guide`: the guide's shares pass through a softmax once more. `heads`: a cross-encoder's shares among a
    passage's words are those of its heads' `mean`, or the mean of `each` head's, which has the gradient of a distance
    to every head alone. `learner_temperature` divides the learner's products: they come divided by sqrt(dim), which
    1 / sqrt(dim) takes back.
    """

    def __init__(
        self,
        *,
        learner: str,
        guide: str,
        distance: Distance,
        per: Per,
        soften_guide: bool,
        heads: Heads,
        learner_temperature: float,
        detach_guide: bool,
        paced: bool,
        weight: float,
    ) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)
        self.guide: str = guide
        self.options: dict[str, Any] = {"distance": distance, "per": per, "soften_guide": soften_guide}
        self.heads: Heads = heads
        self.learner_temperature = positive_number("learner_temperature", learner_temperature)

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {
            self.learner: frozenset({Want("attention")}),
            self.guide: frozenset({Want("attention", heads=self.heads)}),
        }

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        learner_view, guide_view = views[self.learner], views[self.guide]
        learner = softened(upcast(wanted(learner_view.attention, "attention")), self.learner_temperature)
        guide = self.guided(wanted(guide_view.attention, "attention"))
        query_mask, passage_mask = (
            wanted(learner_view.query_mask, "query_mask"),
            wanted(learner_view.passage_mask, "passage_mask"),
        )
        return attention_distance(
            learner,
            _resized(guide, learner.shape),
            query_mask=query_mask,
            passage_mask=passage_mask,
            present=batch.listed,
            **self.options,
            query_weight=self.query_weight(batch),
        )


def _resized(attention: Tensor, shape: torch.Size) -> Tensor:
    """The guide's rows and columns cut or padded to the learner's: words stand in the same order on both sides."""
    room = [
        edge
        for want, have in zip(shape[:1:-1], attention.shape[:1:-1], strict=True)
        for edge in (0, max(want - have, 0))
    ]
    return pad(attention, room)[..., : shape[-2], : shape[-1]]
