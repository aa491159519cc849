"""Layer distillation: blocks as rankings, paired and weighed by how well the guide's block ranks the positive."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.contrastive import contrastive
from retrieval_kd.losses.listwise_kl import listwise_kl
from retrieval_kd.losses.mean import upcast
from retrieval_kd.losses.term import Over, Term, positive_number
from retrieval_kd.scorers.scorer import Size
from retrieval_kd.scorers.view import Feature, View, Want
from retrieval_kd.shapes import Column, LayerScores, PerQuery, PoolMask, Scalar

Choose = Literal["random", "last", "skip"]
_LAYERS = 21  # what a generator is for, so that no two draws share one


def layer_kl(
    learner: LayerScores,
    guide: LayerScores,
    positive: Column,
    *,
    present: PoolMask | None = None,
    weight_temperature: float = 10.0,
    query_weight: PerQuery | None = None,
) -> Scalar:
    """Σ_k w_k KL(P(guide_k) || P(learner_k)), w = softmax_k(-contrastive(guide_k) / weight_temperature), w detached.

    Blocks are paired already; KL is a mean over queries. Source: LEAD, Sun et al. (2024), util.py:539-559 of its code.
    """
    weights = informativeness(guide, positive, negatives=present, temperature=weight_temperature)
    return _weighted_sum(weights, learner, guide, present=present, query_weight=query_weight)


def informativeness(
    guide: LayerScores, positive: Column, *, negatives: PoolMask | None, temperature: float
) -> Float[Tensor, "layer"]:
    """softmax over blocks of -contrastive(block) / temperature, detached: how well each ranks the positive."""
    hard = torch.stack([contrastive(scores, positive, present=negatives) for scores in guide])
    return (-hard / temperature).softmax(0).detach()


def _weighted_sum(
    weights: Tensor,
    learner: LayerScores,
    guide: LayerScores,
    *,
    present: PoolMask | None,
    query_weight: PerQuery | None,
) -> Scalar:
    pairs = zip(learner, guide, strict=True)
    divergence = torch.stack(
        [listwise_kl(one, other, present=present, query_weight=query_weight) for one, other in pairs]
    )
    return (weights * divergence).sum()


class LayerKL(Term):
    """The learner's blocks follow the guide's: `pairs` of them, no more than either side has, in order on both sides.

    `choose`: `random` draws each side's blocks apart from the other's and anew every so many steps (`every`), by a
    generator of (seed, draw); `last` takes each side's last ones; `skip` the learner's last ones and, of a guide so
    many times as deep, one in so many from its first on (LEAD, util.py:206-221: of 6 and 12 the blocks 1 to 5 and 0, 2,
    4, 6, 8 for passages). `guide_temperature` divides the guide's scores as targets, not as what blocks weigh by
    (util.py:606-700). A candidate that is no negative (LEAD has none such) is distilled and weighs nothing. Before
    `setup` it wants the last block of each.
    """

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        drawn = f"{at}.choose={node['choose']} draws nothing; set {at}.choose=random"
        return {} if node["choose"] == "random" else dict.fromkeys(("every", "seed"), drawn)

    def __init__(
        self,
        *,
        learner: str,
        guide: str,
        over: Over,
        pairs: int,
        choose: Choose,
        every: int,
        seed: int,
        weight_temperature: float,
        guide_temperature: float,
        detach_guide: bool,
        paced: bool,
        weight: float,
    ) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)
        self.guide: str = guide
        self.over, self.choose, self.seed = over, choose, seed
        self.pairs, self.every = positive_number("pairs", pairs), positive_number("every", every)
        self.weight_temperature = positive_number("weight_temperature", weight_temperature)
        self.guide_temperature = positive_number("guide_temperature", guide_temperature)
        self.depths: tuple[int, int] | None = None

    def setup(self, sizes: Mapping[str, Size]) -> None:
        """How many blocks there are on either side."""
        self.depths = sizes[self.learner].layers, sizes[self.guide].layers

    def blocks(self, step: int) -> tuple[list[int], list[int]]:
        """The learner's and the guide's blocks of a step, paired in order."""
        if self.depths is None:
            return [-1], [-1]
        chance = np.random.default_rng([self.seed, _LAYERS, step // self.every])
        count = min(self.pairs, *self.depths)
        learner, guide = (drawn(self.choose, count, depth, chance) for depth in self.depths)
        return learner, (skipping(count, *self.depths) if self.choose == "skip" else guide)

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        learner, guide = self.blocks(step)
        feature: Feature = "pool_layers" if self.over == "pool" else "layers"
        return {
            self.learner: frozenset(Want(feature, layer) for layer in learner),
            self.guide: frozenset(Want(feature, layer) for layer in guide),
        }

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        blocks, own_list = self.blocks(batch.step), self.over == "list"
        learner = upcast(self._scores(views[self.learner], blocks[0]))
        guide = self.guided(self._scores(views[self.guide], blocks[1]))
        weights = informativeness(
            guide,
            batch.own_positive if own_list else batch.positive,
            negatives=batch.negatives.gather(1, batch.own_columns()) if own_list else batch.negatives,
            temperature=self.weight_temperature,
        )
        present, target = batch.listed if own_list else batch.pooled, guide / self.guide_temperature
        return _weighted_sum(weights, learner, target, present=present, query_weight=self.query_weight(batch))

    def _scores(self, view: View, layers: list[int]) -> Tensor:
        by_block = view.pool_layers if self.over == "pool" else view.layers
        return torch.stack([by_block[layer] for layer in layers])


def drawn(choose: Choose, count: int, depth: int, chance: np.random.Generator) -> list[int]:
    """`count` of `depth` blocks, in rising order: any, or the last ones."""
    if choose == "random":
        return sorted(chance.choice(depth, count, replace=False).tolist())
    return list(range(depth - count, depth))


def skipping(count: int, learner_depth: int, guide_depth: int) -> list[int]:
    """`count` blocks of a guide, from its first on, as far apart as it is deeper than the learner."""
    return list(range(0, guide_depth, max(guide_depth // learner_depth, 1)))[:count]
