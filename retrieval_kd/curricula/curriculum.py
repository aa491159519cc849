"""The interface of curricula."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import nn

from retrieval_kd.batch.candidates import Candidates, Lesson
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run


class Curriculum(nn.Module, ABC):
    """Gives each step's lesson; `judge` is the role whose scores it goes by, None if it needs none."""

    judge: str | None = None

    def wants(self) -> Mapping[str, frozenset[Want]]:
        """What it reads: the judge's scores of each query's own list."""
        return {} if self.judge is None else {self.judge: frozenset({Want("scores")})}

    @abstractmethod
    def lesson(self, batch: Candidates, views: Mapping[str, View], progress: float) -> Lesson:
        """What counts in this step; `progress` runs from 0 to 1 over the training."""

    def refresh(self, run: Run, judgments: Judgments) -> None:
        """Called after each re-mining with the new run. A curriculum without a moving part has nothing to do."""
        return
