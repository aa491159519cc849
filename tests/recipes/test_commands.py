"""The main job as a user types it: it learns, and on two processes it learns the same."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from retrieval_kd.text.run import Run
from tests.planted import planted_backbone
from tests.recipes.commands import made_by, metrics, stage, train_py

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def words(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The main job over the planted collection, from a random backbone of two layers."""
    backbone = planted_backbone(tmp_path_factory.mktemp("backbone"), planted)
    where = ["corpus=beir", f"corpus.path={planted}", f"student.backbone={backbone}", "student.layers=null"]
    return ["teacher=colbert", "loss=self_otf", *where, "machine=cpu"]


def test_self_on_the_fly_distillation_learns_synonyms_that_bm25_cannot_know(words: list[str], tmp_path: Path) -> None:
    output = train_py(*words, "optim.steps=150", "optim.lr=5e-3", f"artifacts={tmp_path}")
    bm25, before, after = (metrics(tmp_path, name)["test"]["nDCG@10"] for name in ("bm25", "start", "student"))
    late = metrics(tmp_path, "teacher")["test"]["nDCG@10"]
    assert bm25 == 0
    assert before < 0.1
    assert after > before + 0.25
    assert late > before + 0.25
    for row in ("BM25", "student before training", "student after training", "teacher (late)"):
        assert row in output
    assert f"{after:.3f}" in output


def test_two_processes_train_the_same_student_as_one(words: list[str], tmp_path: Path) -> None:
    small = [*words, "optim.steps=6", "optim.lr=1e-3", "optim.precision=64-true", f"artifacts={tmp_path}"]
    train_py(*small)
    alone = stage(tmp_path, "train")
    key, one = made_by(alone)["key"], load_file(alone / "payload/student/model.safetensors")
    train_py(*small, "stage=train", "fresh=train", "machine.devices=2")
    together = stage(tmp_path, "train")
    two = load_file(together / "payload/student/model.safetensors")
    assert made_by(together)["key"] == key
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert value.dtype == torch.float64
        torch.testing.assert_close(two[name], value, rtol=0.0, atol=1e-9)
    untrained = load_file(
        Path(next(word for word in words if "backbone=" in word).partition("=")[2]) / "model.safetensors"
    )
    assert any(not torch.allclose(untrained[name].double(), value, atol=1e-6) for name, value in one.items())
    assert not list(tmp_path.glob("*.part"))


def test_two_processes_mine_and_evaluate_what_one_does(words: list[str], tmp_path: Path) -> None:
    small = [*words, "optim.steps=2", "ranker.passages_per_shard=16"]
    train_py(*small, f"artifacts={tmp_path / 'one'}")
    output = train_py(*small, f"artifacts={tmp_path / 'two'}", "machine.devices=2")
    for name in ("start", "student", "teacher"):
        one, two = (metrics(tmp_path / folder, name)["test"] for folder in ("one", "two"))
        assert one == pytest.approx(two, abs=0.02), output
    first, second = (Run.read(stage(tmp_path / folder, "start") / "run.trec").lists for folder in ("one", "two"))
    assert first.keys() == second.keys()
    for query, listed in first.items():
        scores = {row.passage_id: row.score for row in second[query]}
        both = [row for row in listed if row.passage_id in scores]
        assert len(both) >= 0.9 * len(listed)
        assert all(row.score == pytest.approx(scores[row.passage_id], abs=1e-4) for row in both)
    assert not list(tmp_path.glob("*/*.part"))
    assert not list(tmp_path.glob("*/*/.scratch"))
    assert "a process that helped has stopped" not in output


FORM = ["pooling=cls", "projection=8", 'query_marker="[Q]"', "normalize=false", "query_length=9", "scale=3.0"]
LATE = ["over=words", "projection=8", 'query_marker="[Q]"', "average=false", "scale=2.0", "close=false"]


def test_a_student_is_ranked_again_as_it_was_trained_whatever_its_form(words: list[str], tmp_path: Path) -> None:
    form = [f"student.{word}" for word in FORM]
    train_py(*words, *form, "optim.steps=60", "optim.lr=5e-3", f"artifacts={tmp_path / 'one'}")
    after = metrics(tmp_path / "one", "student")
    given = f"student.checkpoint={stage(tmp_path / 'one', 'train')}/payload/student"
    output = train_py(*words, "stage=start", given, f"artifacts={tmp_path / 'two'}")
    again = metrics(tmp_path / "two", "start")
    assert again["test"] == after["test"]
    assert again["dev"] == after["dev"]
    assert "changes the form" not in output
    other = train_py(*words, "stage=start", given, "student.pooling=mean", f"artifacts={tmp_path / 'three'}")
    assert f"student.pooling=mean changes the form of {given.partition('=')[2]}, which has cls" in other
    assert metrics(tmp_path / "three", "start") != again


def test_an_own_late_interaction_teacher_teaches_and_is_judged_in_the_form_it_was_trained_in(
    words: list[str], tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    plain = [word for word in words if not word.startswith(("teacher=", "loss="))]
    late = ["student=colbert", "teacher=none", "loss=contrastive", "ranker=late", *(f"student.{word}" for word in LATE)]
    train_py(*plain, *late, "optim.steps=60", "optim.lr=5e-3", f"artifacts={one}")
    given = f"teacher.late.checkpoint={stage(one, 'train')}/payload/student"
    train_py(*plain, "teacher=colbert", "loss=tight_coupling", given, "optim.steps=2", f"artifacts={two}")
    assert metrics(two, "teacher")["test"] == metrics(one, "student")["test"]
