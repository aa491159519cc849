"""What terms have in common whose learner's scores follow a guide's, candidate by candidate."""

from abc import abstractmethod
from collections.abc import Mapping

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.term import Over, Term, read, want
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import PoolMask, PoolScores, Scalar


class GuidedTerm(Term):
    """The learner's scores follow the guide's over the pool or the own list: `loss` says by which measure."""

    def __init__(
        self, *, learner: str, guide: str, over: Over = "list", weight: float, paced: bool, detach_guide: bool
    ) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)
        self.guide: str = guide
        self.over: Over = over

    @abstractmethod
    def loss(self, learner: PoolScores, guide: PoolScores, batch: Candidates) -> Scalar:
        """The loss of scores over the pool or the list."""

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {self.learner: want(self.over), self.guide: want(self.over)}

    def present(self, batch: Candidates) -> PoolMask:
        """The candidates of the pool or the list that count."""
        return batch.pooled if self.over == "pool" else batch.listed

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        learner, guide = (read(views[role], self.over) for role in (self.learner, self.guide))
        return self.loss(learner, self.guided(guide), batch)
