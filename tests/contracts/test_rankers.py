"""What every ranker promises, asked of every option in conf/ranker/ as it comes."""

import importlib.util
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.plan.class_facts import texts
from retrieval_kd.app.plan.instantiate import build, targets
from retrieval_kd.app.plan.stage_kinds import KINDS
from retrieval_kd.app.stages.open_rankers import ranker_of
from retrieval_kd.app.stages.open_scorers import open_scorer
from retrieval_kd.ranking.ranker import Ranker, mine
from retrieval_kd.text.run import Run
from tests.contracts.options import names, option
from tests.distil import training
from tests.distil.training import Ground

NEEDS = {"lucene": "pyserini"}  # packages that not everyone has
DEPTH = 7


def options() -> Iterator[Any]:
    for name in names("ranker"):
        lacking = name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None
        yield pytest.param(name, marks=pytest.mark.skipif(lacking, reason=f"{NEEDS.get(name)} is not installed"))


def kind_read(node: Mapping[str, Any]) -> str:
    """The kind of scorer that a ranker reads: cross where any will do."""
    ranked_kinds = [texts(target, "ranks_by") for _, target in targets(node)]
    return next((min(kinds) for kinds in ranked_kinds if len(kinds) == 1 and kinds != {"any"}), "cross")


@pytest.fixture(params=options())
def ranker(request: pytest.FixtureRequest, ground: Ground) -> Ranker:
    """A ranker with the scorer that it reads."""
    node = option("ranker", request.param)
    for one in (node, node.get("candidates") or {}):
        if "path" in one:
            one["path"] = str(ground.candidates)
    scorer = open_scorer(training.scorer_node(ground, kind_read(node)), seed=0)
    given = {"scorer": scorer, "artifacts": ground.artifacts, "tokens_per_group": 512}
    return ranker_of(node, given)


@pytest.fixture
def queries(ground: Ground) -> dict[str, str]:
    """Five queries of train."""
    return {name: ground.corpus.queries[name] for name in ground.corpus.splits["train"][:5]}


def test_a_ranker_s_lists_are_short_and_best_first_without_doubles(
    ranker: Ranker, queries: dict[str, str], ground: Ground
) -> None:
    run = ranker.rank(queries, ground.corpus.collection, DEPTH)
    assert set(run.lists) == set(queries)
    for listed in run.lists.values():
        assert 0 < len(listed) <= DEPTH
        assert len({row.passage_id for row in listed}) == len(listed)
        assert all(row.passage_id in ground.corpus.collection for row in listed)
        assert all(one.score >= two.score for one, two in pairwise(listed))


def test_a_ranker_says_the_same_twice_and_whoever_else_asks(
    ranker: Ranker, queries: dict[str, str], ground: Ground
) -> None:
    together = ranker.rank(queries, ground.corpus.collection, DEPTH).lists
    name = next(iter(queries))
    alone = ranker.rank({name: queries[name]}, ground.corpus.collection, DEPTH).lists
    assert [row.passage_id for row in alone[name]] == [row.passage_id for row in together[name]]
    assert [row.score for row in alone[name]] == pytest.approx([row.score for row in together[name]], rel=1e-5)


def test_a_shorter_ranking_is_the_head_of_a_longer_one(ranker: Ranker, queries: dict[str, str], ground: Ground) -> None:
    longer = ranker.rank(queries, ground.corpus.collection, DEPTH).top(3)
    shorter = ranker.rank(queries, ground.corpus.collection, 3)
    for name in queries:
        assert [row.passage_id for row in shorter.lists[name]] == [row.passage_id for row in longer.lists[name]]


@pytest.mark.parametrize("name", names("mining"))
def test_mining_keeps_no_passage_that_is_judged_relevant(name: str, ground: Ground, tmp_path: Path) -> None:
    node = option("mining", name)
    corpus = ground.corpus
    asked = {query: corpus.queries[query] for query in corpus.splits["train"]}
    everything = {query: [(passage, float(-n)) for n, passage in enumerate(corpus.collection)] for query in asked}
    Run.of(everything).write(tmp_path / "everything.trec")
    if "path" in node:
        node["path"] = str(tmp_path / "everything.trec")
    given = ranker_of({**option("ranker", "run_file"), "path": str(tmp_path / "everything.trec")}, {})
    run = mine(given, asked, corpus.collection, corpus.judgments, select=build(node, "mining"))
    assert not any(
        row.passage_id in corpus.judgments.relevant(query) for query in asked for row in run.lists.get(query, ())
    )


def reads_a_student(name: str) -> bool:
    """Whether the key of a mining with this ranker is about the student too."""
    config = {"ranker": option("ranker", name), "student": {"checkpoint": None}}
    return "student" in KINDS["mine"].read_of(config)


def test_mining_with_words_alone_does_not_depend_on_the_student() -> None:
    reads_student = {name: reads_a_student(name) for name in names("ranker")}
    wordy = {"bm25": False, "lucene": False, "run_file": False}
    assert reads_student == {**dict.fromkeys(reads_student, True), **wordy}
