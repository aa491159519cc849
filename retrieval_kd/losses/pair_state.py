"""Sentence-level distillation of states: a map of a pair's two vectors follows the guide's state of it."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import upcast, weighted_mean
from retrieval_kd.losses.term import Term, linear_map
from retrieval_kd.scorers.scorer import Size
from retrieval_kd.scorers.view import View, Want, wanted
from retrieval_kd.shapes import ListMask, PerQuery, Scalar

States = Float[Tensor, "query candidate dim"]


def pair_state(
    learner: States, guide: States, *, present: ListMask | None = None, query_weight: PerQuery | None = None
) -> Scalar:
    """(learner - guide)², mean over components, then over present (query, candidate) pairs.

    Source: none; methods §2 names it as the other reading of MD2PR's sentence level.
    """
    counted = torch.ones_like(guide[..., 0], dtype=torch.bool) if present is None else present
    distance = ((learner - guide).masked_fill(~counted[..., None], 0.0) ** 2).mean(-1)
    return weighted_mean(distance, counted, query_weight)


class PairState(Term):
    """A linear map of [h_q; h_p; h_q · h_p], the learner's vectors and their products by component, follows the state
    that a cross-encoder pools of the pair, over the own list. The map is thrown away after training.
    """

    def __init__(self, *, learner: str, guide: str, detach_guide: bool, paced: bool, weight: float) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)
        self.guide: str = guide
        self.map: nn.Module = nn.Identity()

    def setup(self, sizes: Mapping[str, Size]) -> None:
        """Draws the map, always the same one."""
        self.map = linear_map(3 * sizes[self.learner].width, sizes[self.guide].width)

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {self.learner: frozenset({Want("vectors")}), self.guide: frozenset({Want("states")})}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        passage = upcast(views[self.learner].vectors["passage"])
        query = upcast(views[self.learner].vectors["query"])[:, None].expand_as(passage)
        predicted = self.map(torch.cat([query, passage, query * passage], dim=-1))
        target = self.guided(wanted(views[self.guide].states, "states"))
        return pair_state(predicted, target, present=batch.listed, query_weight=self.query_weight(batch))
