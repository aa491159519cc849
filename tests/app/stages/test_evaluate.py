"""The evaluate stage."""

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from retrieval_kd.app.stages.evaluate import evaluate
from retrieval_kd.app.stages.open_scorers import open_student
from retrieval_kd.app.stages.work import Work
from retrieval_kd.errors import UserError
from retrieval_kd.measures.evaluate import Report
from retrieval_kd.measures.evaluate import evaluate as measured
from retrieval_kd.text.run import Run
from tests.app.stages.conftest import Configure
from tests.contracts.options import option
from tests.distil.training import Ground, scorer_node

MEASURES = {"nDCG@10", "RR@10", "R@100"}


def evaluation(**values: Any) -> dict[str, Any]:
    return {**option("evaluation", "full"), **values}


def test_a_student_is_judged_on_each_split_by_its_run(ground: Ground, config: Configure, work: Work) -> None:
    nodes = {"ranker": option("ranker", "dense"), "student": scorer_node(ground, "dual")}
    metrics = evaluate(config(evaluation=evaluation(), **nodes), work)
    run, corpus = Run.read(work.folder / "run.trec"), ground.corpus
    for split in ("dev", "test"):
        report = Report.read(work.folder / f"per_query-{split}.jsonl")
        assert report == measured(run, corpus.judgments, queries=corpus.splits[split])
        assert metrics[split] == {**report.means, "queries": 15}
    assert set(run.lists) == {*corpus.splits["dev"], *corpus.splits["test"]}
    assert {len(listed) for listed in run.lists.values()} == {100}


def test_bm25_needs_no_student(config: Configure, work: Work) -> None:
    metrics = evaluate(config(evaluation=evaluation(splits=["test"]), ranker=option("ranker", "bm25")), work)
    assert metrics["test"]["queries"] == 15
    assert "dev" not in metrics


def test_the_passage_with_the_querys_id_is_left_out_if_the_corpus_says_so(
    mirrored: DictConfig, config: Configure, work: Work
) -> None:
    asked = config(evaluation=evaluation(depth=2), ranker=option("ranker", "bm25"))
    asked.corpus = mirrored
    evaluate(asked, work)
    assert [row.passage_id for row in Run.read(work.folder / "run.trec").lists["c"]] == ["a", "d"]


def artifact_of_training(folder: Path, nodes: dict[str, dict[str, Any]]) -> str:
    """What a train artifact says of its roles; gives the student's folder."""
    (folder / "student").mkdir(parents=True)
    roles = {role: {"folder": None, "config": node} for role, node in nodes.items()}
    (folder / "roles.json").write_text(json.dumps(roles))
    return str(folder / "student")


def test_every_teacher_is_judged_by_its_own_ranker(
    ground: Ground, config: Configure, work: Work, tmp_path: Path
) -> None:
    kinds = ("dual", "late", "cross")
    nodes = {"student": scorer_node(ground, "dual"), **{kind: scorer_node(ground, kind) for kind in kinds}}
    student = artifact_of_training(tmp_path / "payload", nodes)
    metrics = evaluate(config(evaluation=evaluation(whom="teacher"), student={"checkpoint": student}), work)
    assert set(metrics) == set(kinds)
    for kind in kinds:
        assert set(metrics[kind]["test"]) == {*MEASURES, "queries"}
        assert Report.read(work.folder / kind / "per_query-test.jsonl").queries == 15
    lengths = {kind: max(map(len, Run.read(work.folder / kind / "run.trec").lists.values())) for kind in kinds}
    assert lengths["dual"] == lengths["late"] == 100  # every passage was compared
    assert lengths["cross"] < 100  # only what BM25 found


def test_beyond_the_limit_a_late_teacher_ranks_candidates_only(
    ground: Ground, config: Configure, work: Work, tmp_path: Path
) -> None:
    nodes = {"student": scorer_node(ground, "dual"), "late": scorer_node(ground, "late")}
    student = artifact_of_training(tmp_path / "payload", nodes)
    few = evaluation(whom="teacher", exhaustive=100, candidates_per_query=5)
    with pytest.raises(
        UserError, match=r"R@100 looks at 100 passages, and .*: give evaluation\.candidates_per_query=100"
    ):
        evaluate(config(evaluation=few, student={"checkpoint": student}), work)
    evaluate(config(evaluation={**few, "measures": ["nDCG@5"]}, student={"checkpoint": student}), work)
    assert max(map(len, Run.read(work.folder / "run.trec").lists.values())) == 5


def test_a_teacher_alone_is_judged_as_a_student_is(
    ground: Ground, config: Configure, work: Work, tmp_path: Path
) -> None:
    student = artifact_of_training(
        tmp_path / "payload", {"student": scorer_node(ground, "dual"), "late": scorer_node(ground, "late")}
    )
    metrics = evaluate(config(evaluation=evaluation(whom="teacher"), student={"checkpoint": student}), work)
    assert metrics["role"] == "late"
    assert set(metrics["test"]) == {*MEASURES, "queries"}
    assert Report.read(work.folder / "per_query-test.jsonl").queries == 15


def test_a_split_or_measure_that_is_none_is_refused_before_anything_is_ranked(config: Configure, work: Work) -> None:
    ranker = option("ranker", "bm25")
    with pytest.raises(UserError, match=r"evaluation.splits=\['final'\]: the corpus .* has only train, dev, test"):
        evaluate(config(evaluation=evaluation(splits=["final"]), ranker=ranker), work)
    with pytest.raises(UserError, match="nDGC@10"):
        evaluate(config(evaluation=evaluation(measures=["nDGC@10"]), ranker=ranker), work)
    assert list(work.folder.iterdir()) == []


def test_an_ensemble_is_judged_by_re_ranking_and_one_with_stored_scores_is_not(
    ground: Ground, config: Configure, work: Work, tmp_path: Path
) -> None:
    members = {"dual": scorer_node(ground, "dual"), "cross": scorer_node(ground, "cross")}
    node = {**option("teacher", "ensemble")["ensemble"], "members": members}
    stored = {**node, "members": {**members, "stored": option("teacher", "stored")["stored"]}}
    nodes = {"student": scorer_node(ground, "dual"), "ensemble": node, "partly_stored": stored}
    student = artifact_of_training(tmp_path / "payload", nodes)
    few = evaluation(whom="teacher", candidates_per_query=5)
    metrics = evaluate(config(evaluation=few, student={"checkpoint": student}), work)
    assert metrics["role"] == "ensemble"
    scores = Run.read(work.folder / "run.trec").lists
    assert all(sum(score for _, score in listed) == pytest.approx(0, abs=1e-4) for listed in scores.values())


def test_a_small_query_tower_is_judged_over_its_teachers_own_index(
    ground: Ground, config: Configure, work: Work, tmp_path: Path
) -> None:
    teacher = scorer_node(ground, "dual", layers=[0])
    student = {**option("student", "asymmetric"), "backbone": str(ground.backbone), "layers": [0]}
    nodes = {"ranker": option("ranker", "dense"), "student": student, "teacher": {"dual": teacher}}
    index = {path.name for path in ground.artifacts.glob("vectors-*")}
    asked = evaluation(splits=["test"])
    evaluate(config(evaluation=asked, ranker=option("ranker", "dense"), student=teacher), work)
    made = {path.name for path in ground.artifacts.glob("vectors-*")} - index
    before = Run.read(work.folder / "run.trec")
    evaluate(config(evaluation=asked, **nodes), work)
    assert Run.read(work.folder / "run.trec") == before  # the towers start from the same weights
    open_student(student, {"dual": teacher}, seed=0).save(tmp_path / "saved")
    alone = {**student, "backbone": "/nowhere", "checkpoint": str(tmp_path / "saved")}
    evaluate(config(evaluation=asked, ranker=option("ranker", "dense"), student=alone), work)
    assert Run.read(work.folder / "run.trec") == before
    assert {path.name for path in ground.artifacts.glob("vectors-*")} - index == made
    assert len(made) == 1
