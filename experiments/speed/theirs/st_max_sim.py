"""sentence-transformers: `colbert_scores`, what its contrastive multi-vector losses score with."""

from typing import Any

from sentence_transformers.multi_vector_encoder.scoring import colbert_scores
from torch import Tensor

from experiments.speed.limits.vectors import repeat
from experiments.speed.worker import Turn


def run(settings: dict[str, Any], turn: Turn) -> None:
    repeat(settings, turn, _scores)


def _scores(query: Tensor, passage: Tensor, query_mask: Tensor, passage_mask: Tensor) -> Tensor:
    """Passages stand in groups, one a query, as they do in its training."""
    groups = (len(query), -1)
    return colbert_scores(query, passage.unflatten(0, groups), query_mask, passage_mask.unflatten(0, groups))
