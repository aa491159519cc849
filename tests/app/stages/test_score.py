"""The score stage."""

import shutil
from pathlib import Path

import pytest

from retrieval_kd.app.stages.open_scorers import open_scorer
from retrieval_kd.app.stages.score import score
from retrieval_kd.app.stages.work import Work
from retrieval_kd.batch.store import tokenise
from retrieval_kd.errors import UserError
from retrieval_kd.scorers import inference
from retrieval_kd.text.fuse import standardised
from retrieval_kd.text.run import Run
from tests.app.stages.conftest import Configure
from tests.contracts.options import option
from tests.distil.training import Ground, scorer_node


def test_candidates_and_judged_positives_get_the_teachers_scores(ground: Ground, config: Configure, work: Work) -> None:
    cross, corpus = scorer_node(ground, "cross"), ground.corpus
    metrics = score(config(teacher={"cross": cross}, data={"candidates": str(ground.candidates)}), work)
    after, before = Run.read(work.payload / "run.trec").lists, Run.read(ground.candidates).lists
    for query in corpus.splits["train"]:
        expected = {row.passage_id for row in before[query]} | set(corpus.judgments.relevant(query))
        assert {row.passage_id for row in after[query]} == expected
    assert metrics["pairs"] == sum(map(len, after.values()))
    passage_id, value = after["q5"][0]
    scorer = open_scorer(cross, seed=0)
    assert scorer.tokenisation is not None
    texts = (
        tokenise([text], scorer.tokenisation.folder)
        for text in (corpus.queries["q5"], corpus.collection[passage_id].words)
    )
    assert value == pytest.approx(float(inference.pair_scores(scorer, *texts, tokens_per_group=512)[0]), abs=1e-5)


def test_half_precision_where_it_is_asked_for(ground: Ground, config: Configure, work: Work) -> None:
    asked = {"teacher": {"cross": scorer_node(ground, "cross")}, "data": {"candidates": str(ground.candidates)}}
    score(config(**asked), work)
    full = Run.read(work.payload / "run.trec")
    shutil.rmtree(work.scratch)
    score(config(**asked, precision="bf16-mixed"), work)
    half = Run.read(work.payload / "run.trec")
    one, other = (
        {(query, row.passage_id): row.score for query in run.lists for row in run.lists[query]} for run in (full, half)
    )
    apart = max(abs(one[pair] - other[pair]) for pair in one)
    assert one.keys() == other.keys()
    assert 1e-6 < apart < 0.02 * max(map(abs, one.values())), "as far as eight bits of a mantissa are"


def test_a_killed_scoring_goes_on_where_it_was(
    ground: Ground, config: Configure, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = config(student=scorer_node(ground, "dual"), data={"candidates": str(ground.candidates)})
    with monkeypatch.context() as patch:
        patch.setattr("retrieval_kd.app.stages.score.Run.write", _killed)
        with pytest.raises(KeyboardInterrupt):
            score(asked, work)
    assert (work.scratch / "00000.npy").exists()
    monkeypatch.setattr(inference, "pair_scores", None)
    score(asked, work)
    assert set(Run.read(work.payload / "run.trec").lists) == set(ground.corpus.splits["train"])


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_two_teachers_are_refused(ground: Ground, config: Configure, work: Work) -> None:
    teachers = {"cross": scorer_node(ground, "cross"), "late": scorer_node(ground, "late")}
    with pytest.raises(UserError, match="score takes one teacher and was given cross, late"):
        score(config(teacher=teachers, data={"candidates": str(ground.candidates)}), work)


def test_no_candidates_are_refused(ground: Ground, config: Configure, work: Work) -> None:
    with pytest.raises(UserError, match=r"data\.candidates=null: give the run"):
        score(config(student=scorer_node(ground, "dual"), data={"candidates": None}), work)


def test_an_ensemble_scores_lists_by_its_members(ground: Ground, config: Configure, work: Work) -> None:
    members = {"late": scorer_node(ground, "late"), "dual": scorer_node(ground, "dual")}
    node = {**option("teacher", "ensemble")["ensemble"], "members": members, "scale": 2.0}
    score(config(teacher={"ensemble": node}, data={"candidates": str(ground.candidates)}), work)
    scored, runs = Run.read(work.payload / "run.trec"), []
    for member in members.values():
        shutil.rmtree(work.scratch)
        score(config(teacher={"one": member}, data={"candidates": str(ground.candidates)}), work)
        runs.append(Run.read(work.payload / "run.trec"))
    fused = standardised(runs)
    for query, listed in fused.lists.items():
        expected = {name: 2 * value for name, value in listed}
        assert {row.passage_id: row.score for row in scored.lists[query]} == pytest.approx(expected, abs=1e-4)
