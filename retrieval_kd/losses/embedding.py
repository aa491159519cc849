"""Aligned vectors: the learner's vector of a text lies where the guide's does."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import normalize as unit

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import upcast, weighted_mean
from retrieval_kd.losses.term import Term, linear_map
from retrieval_kd.scorers.scorer import Size
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import PerQuery, Scalar


def embedding(
    learner: Float[Tensor, "text dim"],
    guide: Float[Tensor, "text dim"],
    *,
    present: Bool[Tensor, "text"] | None = None,
    normalize: bool = True,
    query_weight: PerQuery | None = None,
) -> Scalar:
    """|learner - guide|², of unit vectors if `normalize`, mean over present texts; `query_weight` has one for each
    text.

    Source: EmbedDistill, Kim et al. (2023), abstract. Reading: its equations were not read (methods §7b).
    """
    if normalize:
        learner, guide = unit(learner, dim=-1), unit(guide, dim=-1)
    valid = torch.ones_like(learner[:, 0], dtype=torch.bool) if present is None else present
    distance = ((learner - guide).masked_fill(~valid[:, None], 0.0) ** 2).sum(-1)
    return weighted_mean(distance, valid, query_weight)


class Embedding(Term):
    """The mean over queries that list anything plus the mean over listed passages. Where the scorers' widths differ, a
    linear map leads the learner's vectors to the guide's; it is thrown away after training. LEAF (2025) serves its map:
    a learner whose own projection has the guide's width needs none here, and learns that one.
    """

    def __init__(
        self,
        *,
        learner: str,
        guide: str,
        normalize: bool,
        detach_guide: bool,
        paced: bool,
        weight: float,
    ) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)
        self.guide: str = guide
        self.normalize = normalize
        self.map: nn.Module = nn.Identity()

    def setup(self, sizes: Mapping[str, Size]) -> None:
        """Draws the map where the widths differ, always the same one."""
        learner, guide = sizes[self.learner].width, sizes[self.guide].width
        if learner != guide:
            self.map = linear_map(learner, guide)

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        vectors = frozenset({Want("vectors")})
        return {self.learner: vectors, self.guide: vectors}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        learner, guide, query_weight = views[self.learner].vectors, views[self.guide].vectors, self.query_weight(batch)
        spread = None if query_weight is None else query_weight[:, None].expand(batch.present.shape).reshape(-1)
        queries = self._distance(learner["query"], guide["query"], batch.listed.any(1), query_weight)
        lists = learner["passage"].flatten(0, 1), guide["passage"].flatten(0, 1)
        return queries + self._distance(*lists, batch.listed.reshape(-1), spread)

    def _distance(self, learner: Tensor, guide: Tensor, present: Tensor | None, query_weight: Tensor | None) -> Tensor:
        target = self.guided(guide)
        return embedding(
            self.map(upcast(learner)), target, present=present, normalize=self.normalize, query_weight=query_weight
        )
