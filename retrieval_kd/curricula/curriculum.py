"""The interface of curricula."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from torch import nn

from retrieval_kd.batch.candidates import Candidates, StepWeights
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run


class Curriculum(nn.Module, ABC):
    """Weighs each step's queries and candidates; `judge` is the role whose scores it goes by, None if it needs none.

    What it can do beside letting all that is listed count as judged: it `weights_queries`, `filters` candidates,
    `labels` them, or drops dark examples (`drops_dark`). `refresh_options` are those that act at a re-mining alone.
    """

    judge: str | None = None
    weights_queries: ClassVar[bool] = False
    filters: ClassVar[bool] = False
    labels: ClassVar[bool] = False
    drops_dark: ClassVar[bool] = False
    refresh_options: ClassVar[tuple[str, ...]] = ()

    def idle(self, negatives: int) -> str | None:
        """Why nothing comes of it over lists of so many negatives, and what would make it act; None if it may act."""
        return None

    def unused_parts(self, ranks: Sequence[tuple[int, int]]) -> Iterator[str]:
        """A sentence for each part of it that acts on no list whose negatives come from these ranks, (first, last)."""
        return iter(())

    def wants(self) -> Mapping[str, frozenset[Want]]:
        """What it reads: the judge's scores of each query's own list."""
        return {} if self.judge is None else {self.judge: frozenset({Want("scores")})}

    @abstractmethod
    def weigh(self, batch: Candidates, views: Mapping[str, View], progress: float) -> StepWeights:
        """What counts in this step; `progress` runs from 0 to 1 over the training."""

    def refresh(self, run: Run, judgments: Judgments) -> None:
        """Called after each re-mining with the new run. A curriculum without a moving part has nothing to do."""
        return
