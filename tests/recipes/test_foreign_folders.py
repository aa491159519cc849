"""Other libraries' folders in every kind of stage: what they say is read, and a changed head changes what is found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers.sentence_transformer.modules import Dense, Pooling
from torch import Tensor

from retrieval_kd.app.main import run
from retrieval_kd.text.run import Run
from tests.encoders.families import write_classifier
from tests.planted import planted_backbone
from tests.recipes.commands import metrics, stage
from tests.scorers.foreign import write_dual, write_stanford

pytestmark = pytest.mark.slow
PAIR = ["student=cross_encoder", "teacher=none", "loss=contrastive_list", "student.query_length=23"]
SHORT = "student.passage_length=40"


@pytest.fixture(scope="module")
def backbone(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_backbone(tmp_path_factory.mktemp("backbone"), planted, layers=3)


@pytest.fixture
def words(planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What every command of this file says."""
    monkeypatch.chdir(tmp_path)
    return ["corpus=beir", f"corpus.path={planted}", "machine=cpu"]


def ranked(folder: Path, name: str) -> Any:
    return Run.read(stage(folder, name) / "run.trec").lists


def changed(folder: Path, part: str, how: Callable[[Tensor], Tensor]) -> None:
    """Change a part of a folder's weights."""
    path = folder / "model.safetensors"
    weights = {name: how(value) if name.startswith(part) else value for name, value in load_file(path).items()}
    save_file(weights, path, {"format": "pt"})


def test_a_classifier_ranks_teaches_and_learns_with_its_head(
    backbone: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_classifier(tmp_path / "roberta", backbone, "roberta")
    given = [*words, *PAIR, SHORT, f"student.checkpoint={folder}", "ranker=rerank"]
    assert run([*given, "stage=start", "artifacts=one"]) == 0, capsys.readouterr().err
    one = ranked(Path("one"), "start")
    changed(folder, "classifier.out_proj", torch.neg)
    assert run([*given, "stage=start", "artifacts=two"]) == 0
    two = ranked(Path("two"), "start")
    name = next(iter(one))
    assert [row.passage_id for row in two[name]] == [row.passage_id for row in reversed(one[name])]
    assert run([*given, "optim.steps=3", "optim.lr=1e-3", "artifacts=three"]) == 0, capsys.readouterr().err
    made = stage(Path("three"), "train") / "payload" / "student"
    from transformers import AutoModelForSequenceClassification

    _, report = AutoModelForSequenceClassification.from_pretrained(made, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    again = [*words, *PAIR, SHORT, f"student.checkpoint={made}", "ranker=rerank", "stage=start", "artifacts=four"]
    assert run(again) == 0
    assert metrics(Path("four"), "start")["test"] == metrics(Path("three"), "student")["test"]


def test_a_classifier_that_is_a_teacher_teaches_with_its_head(
    backbone: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_classifier(tmp_path / "distilbert", backbone, "distilbert")
    lengths = ["teacher.cross.query_length=23", "teacher.cross.passage_length=40"]
    given = [*words, "teacher=cross_encoder", f"teacher.cross.checkpoint={folder}", *lengths]
    student = [f"student.backbone={backbone}", "student.layers=null", "loss=listwise_kl", "optim.steps=2"]
    weights = []
    for name in ("one", "two"):
        assert run([*given, *student, f"artifacts={name}"]) == 0, capsys.readouterr().err
        weights.append(load_file(stage(Path(name), "train") / "payload/student/model.safetensors"))
        changed(folder, "pre_classifier", torch.neg)
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_classifier_with_several_labels_is_refused_without_a_choice(
    backbone: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_classifier(tmp_path / "two", backbone, "distilbert", labels=2)
    given = [*words, *PAIR, SHORT, f"student.checkpoint={folder}", "ranker=rerank", "stage=start"]
    assert run([*given, "dry_run=true"]) == 2
    assert "has 2 labels, 0 (LABEL_0), 1 (LABEL_1): give label=" in capsys.readouterr().err
    assert run([*given, "student.label=2", "dry_run=true"]) == 2
    assert "label=2" in capsys.readouterr().err
    assert run([*given, "student.label=1"]) == 0
    assert run([*given, "student.label=1", "student.pooling=cls", "dry_run=true"]) == 2
    assert "which this would drop" in capsys.readouterr().err


def test_a_sentence_transformer_is_ranked_with_as_its_folder_says(
    backbone: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_dual(tmp_path / "model", backbone, Pooling(32, "max"), Dense(32, 8), length=40)
    given = [*words, "student=dual", "student.layers=null", f"student.checkpoint={folder}", "stage=start"]
    assert run([*given, "artifacts=one"]) == 0, capsys.readouterr().err
    changed(folder / "2_Dense", "linear", lambda value: value.flip(0).cumsum(-1))
    assert run([*given, "artifacts=two"]) == 0
    assert ranked(Path("one"), "start") != ranked(Path("two"), "start")
    assert run([*given, "student.projection=0", "dry_run=true"]) == 2
    assert "which this would drop" in capsys.readouterr().err


def test_a_colbert_teaches_with_its_own_map(
    backbone: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_stanford(tmp_path / "model", backbone)
    student = [f"student.backbone={backbone}", "student.layers=null", "teacher=colbert", "loss=tight_coupling"]
    given = [*words, *student, f"teacher.late.checkpoint={folder}", "optim.steps=2"]
    assert run([*given, "artifacts=one"]) == 0, capsys.readouterr().err
    changed(folder, "linear", lambda weight: weight.flip(0).cumsum(1))
    assert run([*given, "artifacts=two"]) == 0
    one, two = (load_file(stage(Path(name), "train") / "payload/student/model.safetensors") for name in ("one", "two"))
    assert any(not torch.equal(one[name], two[name]) for name in one)
