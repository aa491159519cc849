"""Word-level distillation: where a query's words look in the passage."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import paced_mean, upcast
from retrieval_kd.losses.term import Term, positive_number
from retrieval_kd.scorers.view import Heads, View, Want, wanted
from retrieval_kd.shapes import Attention, ListMask, PassageWords, PerQuery, QueryWords, Scalar

Distance = Literal["kl", "mse"]


def attention_kl(
    learner: Attention,
    guide: Attention,
    *,
    query_mask: QueryWords,
    passage_mask: PassageWords,
    present: ListMask | None = None,
    pace: PerQuery | None = None,
) -> Scalar:
    """KL(guide row || learner row), a flat mean over valid (query, candidate, query word) rows.

    Both sides are row distributions over passage words; masked columns are dropped and both sides renormalised; a
    passage without words is skipped. Source: `attention_map_loss`, SimXNS LEAD/util.py:467-502; MD2PR (2023).
    """
    found, target, columns = _both(learner, guide, passage_mask, present)
    cost = (target * (target.clamp(min=_TINY).log() - found.clamp(min=_TINY).log())).sum(-1)
    return paced_mean(cost, query_mask[:, None] & columns.any(-1)[:, :, None], pace)


def attention_mse(
    learner: Attention,
    guide: Attention,
    *,
    query_mask: QueryWords,
    passage_mask: PassageWords,
    present: ListMask | None = None,
    pace: PerQuery | None = None,
) -> Scalar:
    """Σ over query and passage words of (learner - guide)², a mean over (query, candidate) pairs that have words.

    Rows as in `attention_kl`. Source: `virt_loss`, SimXNS LEAD/util.py:504-537. Differs: the code softens the teacher's
    probabilities once more.
    """
    found, target, columns = _both(learner, guide, passage_mask, present)
    cost = ((found - target) ** 2 * query_mask[:, None, :, None]).sum((-1, -2))
    return paced_mean(cost, query_mask.any(-1)[:, None] & columns.any(-1), pace)


_TINY = 1e-30


def _both(
    learner: Tensor, guide: Tensor, passage_mask: Tensor, present: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """(rows of the learner, rows of the guide, the columns that both keep [query candidate word])."""
    columns = passage_mask if present is None else passage_mask & present[:, :, None]
    return _rows(learner, columns[:, :, None]), _rows(guide, columns[:, :, None]), columns


def _rows(attention: Tensor, columns: Tensor) -> Tensor:
    kept = attention.masked_fill(~columns, 0.0)
    return kept / kept.sum(-1, keepdim=True).clamp(min=_TINY)


def softened(attention: Attention, temperature: float) -> Attention:
    """Rows softmax(x / temperature) where `attention` has the rows softmax(x)."""
    if temperature == 1.0:
        return attention
    logs = attention.clamp(min=_TINY).log() / temperature
    return logs.masked_fill(attention <= 0, torch.finfo(logs.dtype).min).softmax(-1) * (attention > 0)


class AttentionKL(Term):
    """The learner's word attention follows the guide's over the own list.

    `distance`: `kl`, or `mse` (VIRT's). `heads`: a cross-encoder's shares among a passage's words are those of its
    heads' `mean`, or the mean of `each` head's, which has the gradient of a distance to every head alone.
    `learner_temperature` divides the learner's products: they come divided by sqrt(dim), which 1 / sqrt(dim) takes
    back.
    """

    def __init__(
        self,
        *,
        learner: str,
        guide: str,
        distance: Distance,
        heads: Heads,
        learner_temperature: float,
        detach_guide: bool,
        paced: bool,
        weight: float,
    ) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)
        self.guide: str = guide
        self.distance = {"kl": attention_kl, "mse": attention_mse}[distance]
        self.heads: Heads = heads
        self.learner_temperature = positive_number("learner_temperature", learner_temperature)

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {
            self.learner: frozenset({Want("attention")}),
            self.guide: frozenset({Want("attention", heads=self.heads)}),
        }

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        one, other = views[self.learner], views[self.guide]
        learner = softened(upcast(wanted(one.attention, "attention")), self.learner_temperature)
        guide = self.guided(wanted(other.attention, "attention"))
        query_mask, passage_mask = wanted(one.query_mask, "query_mask"), wanted(one.passage_mask, "passage_mask")
        return self.distance(
            learner,
            _sized(guide, learner.shape),
            query_mask=query_mask,
            passage_mask=passage_mask,
            present=batch.listed,
            pace=self.pace(batch),
        )


def _sized(attention: Tensor, shape: torch.Size) -> Tensor:
    """The guide's rows and columns cut or padded to the learner's: words stand in the same order on both sides."""
    room = [
        edge
        for want, have in zip(shape[:1:-1], attention.shape[:1:-1], strict=True)
        for edge in (0, max(want - have, 0))
    ]
    return pad(attention, room)[..., : shape[-2], : shape[-1]]
