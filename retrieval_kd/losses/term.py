"""One arrow of an objective."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, TypeVar

import torch
from torch import Tensor, nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.mean import upcast
from retrieval_kd.scorers.scorer import Size
from retrieval_kd.scorers.view import View, Want, wanted
from retrieval_kd.shapes import PerQuery, Scalar

Over = Literal["pool", "list"]
Number = TypeVar("Number", int, float)


class Term(nn.Module, ABC):
    """`learner` follows `guide` (None: judgments) with a weight. `paced`: a curriculum's query weights weight its mean.

    `detach_guide`: no gradient into the guide. `absolute` says that it reads scores as they stand, so that a constant
    added to all of a query's scores changes it; most terms read differences alone. `over`: whose candidates it reads.
    """

    absolute: ClassVar[bool] = False
    over: Over = "list"

    def __init__(
        self, *, learner: str, guide: str | None = None, weight: float, paced: bool, detach_guide: bool = True
    ) -> None:
        super().__init__()
        self.learner, self.guide, self.weight, self.paced, self.detach_guide = (
            learner,
            guide,
            weight,
            paced,
            detach_guide,
        )

    @property
    def roles(self) -> frozenset[str]:
        """Every role that this term reads."""
        return frozenset({self.learner} if self.guide is None else {self.learner, self.guide})

    @property
    def reads_dark(self) -> bool:
        """Whether dark examples count in it: they stand in a query's own list alone."""
        return self.over == "list"

    @property
    def reads_order(self) -> bool:
        """Whether of its guide the order of candidates alone counts."""
        return False

    @property
    def reads_labels(self) -> bool:
        """Whether it goes by the curriculum's labels."""
        return False

    @property
    def needs_positive(self) -> bool:
        """Whether it says nothing of a query that has no judged passage; labels are a matter of `reads_labels`."""
        return self.guide is None and not self.reads_labels

    def setup(self, sizes: Mapping[str, Size]) -> None:
        """Called once, before the first step, with the size of every role's scorer. Most terms need not know."""
        return

    @abstractmethod
    def wants(self, step: int) -> Mapping[str, frozenset[Want]]:
        """What it reads of each role in this step: a function of the step alone, so that all ranks agree."""

    @abstractmethod
    def forward(self, views: Mapping[str, View], batch: Candidates) -> Scalar:
        """The unweighted loss."""

    def query_weight(self, batch: Candidates) -> PerQuery | None:
        return batch.query_weight if self.paced else None

    def guided(self, scores: Tensor) -> Tensor:
        """A guide's numbers, cut off from its gradient unless the option says otherwise."""
        return upcast(scores.detach() if self.detach_guide else scores)


def linear_map(learner: int, guide: int) -> nn.Linear:
    """From the learner's width to the guide's, always the same one; no other draw is changed by it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Linear(learner, guide)


def read(view: View, over: Over) -> Tensor:
    """Scores over the pool or over the own list."""
    return upcast(wanted(view.pool if over == "pool" else view.scores, over))


def want(over: Over) -> frozenset[Want]:
    """What such a term reads of a role."""
    return frozenset({Want("pool" if over == "pool" else "scores")})


def from_zero(name: str, value: Number) -> Number:
    """The value, if it is a number from 0 on. Raises ValueError otherwise."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{name}={value}: give a number from 0 on")
    return value


def positive_number(name: str, value: Number) -> Number:
    """The value, if it is above 0. Raises ValueError otherwise."""
    if value <= 0:
        raise ValueError(f"{name}={value}: give a number above 0")
    return value
