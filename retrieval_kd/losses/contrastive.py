"""The contrastive loss: the judged passage against its negatives."""

from collections.abc import Mapping

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import log_shares, weighted_mean
from retrieval_kd.losses.term import Over, Term, positive_number, read, want
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import Column, PerQuery, PoolMask, PoolScores, Scalar


def contrastive(
    scores: PoolScores,
    positive: Column,
    *,
    present: PoolMask | None = None,
    temperature: float = 1.0,
    query_weight: PerQuery | None = None,
) -> Scalar:
    """-log softmax(scores / temperature)[positive], mean over queries that have a positive.

    The positive is always counted, whatever `present` says of its column; -1 is a query without one.
    Source: softmax cross-entropy with in-batch negatives, van den Oord et al. (2018), eq. 4; Karpukhin et al. (2020),
    eq. 2.
    """
    judged, column = positive >= 0, positive.clamp(min=0)[:, None]
    if present is not None:
        present = present.scatter(1, column, judged[:, None] | present.gather(1, column))
    shares = log_shares(scores / temperature, present)
    return weighted_mean(-shares.gather(1, column)[:, 0], judged, query_weight)


class Contrastive(Term):
    """The contrastive loss of `learner`, over its pool or its own list; passages judged relevant to a query are never
    its negatives.
    """

    def __init__(self, *, learner: str, over: Over, temperature: float, paced: bool, weight: float) -> None:
        super().__init__(learner=learner, weight=weight, paced=paced)
        self.over, self.temperature = over, positive_number("temperature", temperature)

    @property
    def reads_dark(self) -> bool:
        """A dark example is never a negative."""
        return False

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {self.learner: want(self.over)}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        own_list = self.over == "list"
        negatives = batch.negatives.gather(1, batch.own_columns()) if own_list else batch.negatives
        positive = batch.own_positive if own_list else batch.positive
        scores = read(views[self.learner], self.over)
        return contrastive(
            scores, positive, present=negatives, temperature=self.temperature, query_weight=self.query_weight(batch)
        )
