"""The mine stage."""

from pathlib import Path

import pytest
from omegaconf import DictConfig

from retrieval_kd.app.stages.mine import mine
from retrieval_kd.app.stages.work import Work
from retrieval_kd.text.run import Run
from tests.app.stages.conftest import Configure
from tests.contracts.options import option
from tests.distil.training import Ground, scorer_node


@pytest.mark.parametrize("name", ["bm25", "dense"])
def test_every_training_query_gets_candidates_and_none_is_judged_relevant(
    name: str, ground: Ground, config: Configure, work: Work
) -> None:
    nodes = {"ranker": option("ranker", name), "mining": option("mining", "hard")}
    metrics = mine(config(**nodes, student=scorer_node(ground, "dual")), work)
    lists = Run.read(work.payload / "run.trec").lists
    train = ground.corpus.splits["train"]
    assert set(lists) == set(train)
    assert not any(row.passage_id in ground.corpus.judgments.relevant(query) for query in train for row in lists[query])
    assert metrics["queries"] == metrics["queries_with_candidates"] == len(train)
    assert metrics["candidates"] == sum(map(len, lists.values()))


def test_how_many_queries_have_no_candidates_left_is_said_and_kept(
    ground: Ground, config: Configure, work: Work, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = {name: sorted(ground.corpus.judgments.relevant(name)) for name in ground.corpus.splits["train"][:3]}
    run = Run.of({"elsewhere": [("p0", 1.0)], **{name: [(first, 1.0)] for name, (first, *_) in known.items()}})
    run.write(tmp_path / "teacher.trec")
    mining = {**option("mining", "confusing"), "path": str(tmp_path / "teacher.trec"), "student_window": [1, 200]}
    nodes = {"ranker": option("ranker", "dense"), "student": scorer_node(ground, "dual")}
    metrics = mine(config(**nodes, mining=mining), work)
    of = len(ground.corpus.splits["train"])
    assert (metrics["queries_with_candidates"], metrics["queries_without_candidates"]) == (3, of - 3)
    assert caplog.messages == [
        f"{of - 3} of {of} queries have no candidates left, {of - 3} of them as the run in "
        "mining.path does not know them"
    ]
    caplog.clear()
    mine(config(**nodes, mining=option("mining", "hard")), work)
    assert "no candidates left" not in caplog.text


def test_queries_that_nobody_judged_are_mined_for_too(ground: Ground, config: Configure, work: Work) -> None:
    asked = config(ranker=option("ranker", "bm25"), mining=option("mining", "all"))
    asked.corpus.unjudged = True
    mine(asked, work)
    assert {"q90", "q95"} <= set(Run.read(work.payload / "run.trec").lists)


def test_no_candidate_is_the_query_itself_where_queries_are_passages(
    mirrored: DictConfig, config: Configure, work: Work
) -> None:
    asked = config(ranker=option("ranker", "bm25"), mining=option("mining", "hard"))
    asked.corpus = mirrored
    mine(asked, work)
    lists = Run.read(work.payload / "run.trec").lists
    assert {row.passage_id for row in lists["a"]} == {"c", "d"}  # neither a nor b, which is judged relevant
