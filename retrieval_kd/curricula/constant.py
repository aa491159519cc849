"""No curriculum: everything counts, always, as judged."""

from collections.abc import Mapping

import torch

from retrieval_kd.batch.candidates import Candidates, Lesson
from retrieval_kd.curricula.curriculum import Curriculum
from retrieval_kd.scorers.view import View


class Constant(Curriculum):
    """Keeps every candidate, every query at pace 1, and the judged grades as labels (0 where nobody looked)."""

    def lesson(self, batch: Candidates, views: Mapping[str, View], progress: float) -> Lesson:
        pace = torch.ones(len(batch.present), device=batch.present.device)
        return Lesson(torch.ones_like(batch.present), pace, batch.relevance.clamp(min=0).to(pace.dtype))
