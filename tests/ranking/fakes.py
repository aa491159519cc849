"""Rankers that say what a test tells them to, and what is compared of a run."""

from collections.abc import Mapping

import pytest

from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.run import Run


class Told(Ranker):
    """Answers with given lists, cut to the depth; notes how it was asked."""

    def __init__(self, lists: Mapping[str, Mapping[str, float]]) -> None:
        self.lists = {query: list(listed.items()) for query, listed in lists.items()}
        self.depths: list[int] = []

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        self.depths.append(depth)
        return Run.of({query: self.lists.get(query, []) for query in queries}).top(depth)


def names(run: Run) -> dict[str, list[str]]:
    """A run without its scores."""
    return {query: [passage for passage, _ in listed] for query, listed in run.lists.items()}


def assert_same(run: Run, expected: Run) -> None:
    """The same passages in the same order, and the same scores up to rounding."""
    assert names(run) == names(expected)
    for query, listed in run.lists.items():
        assert [score for _, score in listed] == pytest.approx([s for _, s in expected.lists[query]], abs=1e-4)
