"""No curriculum: everything counts, always, as judged."""

from collections.abc import Mapping

import torch

from retrieval_kd.batch.candidates import Candidates, StepWeights
from retrieval_kd.curricula.curriculum import Curriculum
from retrieval_kd.scorers.view import View


class Constant(Curriculum):
    """Keeps every candidate, every query at weight 1, and the judged grades as labels (0 where nobody looked)."""

    def weigh(self, batch: Candidates, views: Mapping[str, View], progress: float) -> StepWeights:
        query_weight = torch.ones(len(batch.present), device=batch.present.device)
        labels = batch.relevance.clamp(min=0).to(query_weight.dtype)
        return StepWeights(torch.ones_like(batch.present), query_weight, labels)
