"""A penalty on the size of scores."""

from collections.abc import Mapping
from typing import ClassVar

from torch.linalg import vector_norm

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.term import Term, read, want
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import ListMask, ListScores, PerQuery, Scalar


def score_norm(scores: ListScores, *, present: ListMask | None = None, query_weight: PerQuery | None = None) -> Scalar:
    """sqrt(Σ s²) over all present scores of the step, each query's squares times its weight.

    Source: `reg_lambda` of CL-DRD, Zeng, Zamani & Vinay (2022), nway_listwise_1.py of its code.
    """
    counted = scores if present is None else scores.masked_fill(~present, 0.0)
    return vector_norm(counted if query_weight is None else counted * query_weight.sqrt()[:, None])


class ScoreNorm(Term):
    """The norm of the learner's scores of the own lists; its weight is the code's lambda."""

    absolute: ClassVar[bool] = True

    def __init__(self, *, learner: str, paced: bool, weight: float) -> None:
        super().__init__(learner=learner, weight=weight, paced=paced)

    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        return {self.learner: want("list")}

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        return score_norm(
            read(views[self.learner], "list"), present=batch.listed, query_weight=self.query_weight(batch)
        )
