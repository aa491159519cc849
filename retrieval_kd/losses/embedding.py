"""Aligned vectors: the learner's vector of a text lies where the guide's does."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import normalize as unit

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import paced_mean, upcast
from retrieval_kd.losses.term import Term
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import PerQuery, Scalar


def embedding(
    learner: Float[Tensor, "text dim"],
    guide: Float[Tensor, "text dim"],
    *,
    present: Bool[Tensor, "text"] | None = None,
    normalize: bool = True,
    pace: PerQuery | None = None,
) -> Scalar:
    """|learner - guide|², of unit vectors if `normalize`, mean over present texts; `pace` has an entry for each text.

    Source: EmbedDistill, Kim et al. (2023), abstract. Reading: its equations were not read (methods §7b).
    """
    if normalize:
        learner, guide = unit(learner, dim=-1), unit(guide, dim=-1)
    distance = ((learner - guide) ** 2).sum(-1)
    return paced_mean(distance, torch.ones_like(distance, dtype=torch.bool) if present is None else present, pace)


class Embedding(Term):
    """The mean over queries plus the mean over listed passages. Where widths differ, a linear map leads the learner's
    vectors (`learner_dim` components) to the guide's (`guide_dim`); null for both: the widths are equal.
    Raises ValueError if only one of them is given.
    """

    def __init__(
        self,
        *,
        learner: str,
        guide: str,
        normalize: bool,
        learner_dim: int | None,
        guide_dim: int | None,
        detach_guide: bool,
        paced: bool,
        weight: float,
    ) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)
        if (learner_dim is None) != (guide_dim is None):
            raise ValueError(f"learner_dim={learner_dim} and guide_dim={guide_dim}: give both, or null for both")
        self.guide: str = guide
        self.normalize = normalize
        self.map = nn.Identity() if learner_dim is None or guide_dim is None else nn.Linear(learner_dim, guide_dim)

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        vectors = frozenset({Want("vectors")})
        return {self.learner: vectors, self.guide: vectors}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        learner, guide, pace = views[self.learner].vectors, views[self.guide].vectors, self.pace(batch)
        spread = None if pace is None else pace[:, None].expand(batch.present.shape).reshape(-1)
        queries = self._distance(learner["query"], guide["query"], None, pace)
        lists = learner["passage"].flatten(0, 1), guide["passage"].flatten(0, 1)
        return queries + self._distance(*lists, batch.listed.reshape(-1), spread)

    def _distance(self, learner: Tensor, guide: Tensor, present: Tensor | None, pace: Tensor | None) -> Tensor:
        target = self.guided(guide)
        return embedding(self.map(upcast(learner)), target, present=present, normalize=self.normalize, pace=pace)
