"""Pseudo-labels by rank: exact order at the top of a teacher's list, coarse groups below."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch

from retrieval_kd.batch.candidates import Candidates, StepWeights
from retrieval_kd.curricula.curriculum import Curriculum
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.view import View

RECIPROCAL = "reciprocal"


class RankGroups(Curriculum):
    """Labels by the rank in the run that lists were drawn from, counted without what is judged relevant.

    `groups`: [{last: rank, label: number or reciprocal}, …], each from where the one before ends. `reciprocal`: rank r
    has 1/(r + 1) behind the judged positive, which has 1, and 1/r where a query has no positive. What lies below the
    last group, and a dark example, which has no rank, is dropped. Source: CL-DRD, Zeng, Zamani & Vinay (2022);
    nway_dataset.py:41-72 of its code. Raises UserError if groups are none, or do not fall down the list.
    """

    filters = labels = drops_dark = True

    def __init__(self, *, groups: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self.groups = [(group.get("last"), group.get("label")) for group in groups]
        if not groups or any(set(group) != {"last", "label"} for group in groups) or not self._fit():
            raise UserError(
                f"curriculum.groups={list(map(dict, groups))}: give each group its last rank, rising from 1, and as "
                f"label a number or {RECIPROCAL}"
            )

    def unused_parts(self, ranks: Sequence[tuple[int, int]]) -> Iterator[str]:
        lasts = [int(last or 0) for last, _ in self.groups]
        drawn = " and ".join(f"{first} to {last}" for first, last in ranks) or "none"
        for place, (begins, ends) in enumerate(pairwise([0, *lasts])):
            if not any(first <= ends and last > begins for first, last in ranks):
                yield (
                    f"curriculum.groups[{place}] labels ranks {begins + 1} to {ends}, and of ranks data draws {drawn}: "
                    f"give data.last={begins + 1} or more, or leave the group out"
                )

    def weigh(self, batch: Candidates, views: Mapping[str, View], progress: float) -> StepWeights:
        judged = batch.own_positive >= 0
        column = batch.own_positive.clamp(min=0)[:, None]
        positive = torch.zeros_like(batch.present).scatter(1, column, judged[:, None])
        dtype = torch.get_default_dtype()
        place = batch.rank.clamp(min=1).to(dtype) + judged[:, None].to(dtype)
        labels, keep = positive.to(dtype), positive
        for last, label in reversed(self.groups):
            inside = ~positive & (batch.rank >= 1) & (batch.rank <= last)
            labels = torch.where(inside, 1 / place if label == RECIPROCAL else float(label), labels)
            keep = keep | inside
        return StepWeights(keep, torch.ones(len(keep), device=keep.device), labels)

    def _fit(self) -> bool:
        lasts = [last for last, _ in self.groups]
        numbers = [last for last in lasts if isinstance(last, int)]
        rising = [0, *lasts] == sorted({0, *numbers})
        return rising and all(label == RECIPROCAL or isinstance(label, int | float) for _, label in self.groups)
