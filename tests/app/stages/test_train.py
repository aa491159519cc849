"""The train stage: what its teachers read."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.stages.replay import replay
from retrieval_kd.app.stages.train import train
from retrieval_kd.app.stages.work import Work
from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.errors import UserError
from retrieval_kd.text.run import Run
from tests.app.stages.conftest import Configure
from tests.contracts.options import option
from tests.distil.training import Ground, loss_node, scorer_node, stored_node


def nodes(ground: Ground, loss: str, teachers: Mapping[str, Any]) -> dict[str, Any]:
    """Two steps of a dual student over the planted lists."""
    lists = {"candidates": str(ground.candidates), "queries_per_step": 4, "negatives": 3, "last": 10}
    return {
        "student": scorer_node(ground, "dual"),
        "teacher": dict(teachers),
        "loss": loss_node(loss, teachers),
        "curriculum": option("curriculum", "constant"),
        "data": {**option("data", "sampled"), **lists},
        "optim": {**option("optim", "adamw"), "steps": 2},
    }


@pytest.fixture
def triples(ground: Ground, tmp_path: Path) -> Path:
    """For each training query its judged passages' score 0.75 and one of 0.25 for every candidate."""
    path, lists = tmp_path / "scores.tsv", Run.read(ground.candidates).lists
    rows = [
        f"0.75\t{0.75 if row.passage_id in good else 0.25}\t{query}\t{positive}\t{row.passage_id}\n"
        for query in ground.corpus.splits["train"]
        for good in [ground.corpus.judgments.relevant(query)]
        for positive in good
        for row in lists[query]
    ]
    path.write_text("".join(rows))
    return path


def test_a_teacher_is_a_file_of_triples_and_what_looks_like_probabilities_is_said(
    ground: Ground, config: Configure, work: Work, triples: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = config(**nodes(ground, "margin_mse", {"stored": stored_node(triples)}))
    metrics = train(made, work)
    assert metrics["steps"] == 2
    assert metrics["last"]["train/loss"] > 0
    assert "teacher.stored: all scores of" in caplog.text


def test_a_stage_begins_its_draw_behind_all_that_its_student_was_trained_on(
    ground: Ground, config: Configure, work: Work, triples: Path, tmp_path: Path
) -> None:
    made = nodes(ground, "margin_mse", {"stored": stored_node(triples)})
    begun, student = [], made["student"]
    for place, start in enumerate((None, None, None, 0)):
        (folder := tmp_path / f"{place}").mkdir()
        data = {**made["data"], "start": start, "queries_per_step": 4 if place != 1 else 8}
        metrics = train(config(**{**made, "data": data, "student": student}), replace(work, folder=folder))
        begun.append(metrics["queries_drawn_before"])
        student = {**student, "checkpoint": str(folder / "payload" / "student")}
    assert begun == [0, 8, 24, 0]


def test_probabilities_that_are_none_are_refused_before_training(
    ground: Ground, config: Configure, work: Work, triples: Path
) -> None:
    triples.write_text(triples.read_text().replace("0.25", "-3"))
    teachers = {"stored": stored_node(triples, given="probabilities")}
    with pytest.raises(UserError, match="given=probabilities, but passage"):
        train(config(**nodes(ground, "margin_mse", teachers)), work)


def test_attention_between_different_words_is_refused(
    ground: Ground, config: Configure, work: Work, tmp_path: Path
) -> None:
    other = write_tiny(tmp_path / "other", ["words of its own"])
    teachers = {"late": {**scorer_node(ground, "late"), "backbone": str(other)}}
    with pytest.raises(UserError, match=r"loss\.terms\.words compares the attention of student and late"):
        train(config(**nodes(ground, "word_and_sentence", teachers)), work)


def test_a_step_that_went_wrong_is_replayed_from_its_folder(ground: Ground, config: Configure, work: Work) -> None:
    wrong = nodes(ground, "contrastive", {})
    wrong["optim"] = {**wrong["optim"], "lr": 1e38, "steps": 3, "schedule": "constant", "warmup": 0.0}
    with pytest.raises(UserError, match=r"step 2: .* is not finite|step 2: the loss of term \w+ is nan") as told:
        train(config(**wrong), work)
    folder = next((work.artifacts / "faults").glob("*/step-2"))
    assert f"`retrieval-kd replay {folder}`" in str(told.value)
    first, *lines = replay(folder)
    assert first == f"then: {str(told.value).partition('; its batch')[0]}"
    assert any("not finite" in line and not line.startswith("gradients: all") for line in lines)
    assert any(line.startswith("student: pool ") for line in lines)
    with pytest.raises(UserError, match="there is no step in it"):
        replay(folder.parent)
