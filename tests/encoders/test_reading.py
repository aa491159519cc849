"""Weights of a folder: each is read or named; missing ones are refused."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from retrieval_kd.encoders.encoder import TextEncoder
from retrieval_kd.encoders.reading import tell_once
from retrieval_kd.errors import UserError
from tests.encoders.families import write_classifier

Weights = dict[str, Tensor]
LAST = "encoder.layer.2.output.dense.weight"


@pytest.fixture(autouse=True)
def nothing_told() -> None:
    tell_once.cache_clear()


def edited(backbone: Path, folder: Path, change: Callable[[Weights], Weights]) -> Path:
    """A copy of a folder with other weights."""
    shutil.copytree(backbone, folder)
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})
    return folder


def load(folder: Path) -> TextEncoder:
    return TextEncoder.load(folder, layers=None, dropout=0.0)


def test_a_backbone_that_is_read_whole_says_nothing(backbone: Path, caplog: pytest.LogCaptureFixture) -> None:
    load(backbone)
    assert caplog.messages == []


def test_weights_that_nothing_reads_are_named_once_and_short(
    backbone: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    more = {name: torch.zeros(2) for name in ("pooler.dense.weight", "pooler.dense.bias", "cls.bias")}
    folder = edited(backbone, tmp_path / "more", lambda weights: {**weights, **more})
    load(folder)
    load(folder)
    message = f"{folder}: nothing reads these of its weights: cls.bias, pooler.dense.* (2)"
    assert caplog.messages.count(message) == 1


def test_a_classifiers_head_is_named_where_only_its_encoder_is_read(
    backbone: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(write_classifier(tmp_path / "bert", backbone, "bert"))
    assert "bert.pooler.dense.* (2), classifier.* (2)" in caplog.text


def test_the_pooler_alone_may_be_missing(backbone: Path) -> None:
    assert not any("pooler" in name for name in load_file(backbone / "model.safetensors"))
    assert load(backbone).backbone.pooler is None


BROKEN: dict[str, tuple[Callable[[Weights], Weights], str]] = {
    "one is missing": (
        lambda weights: {name: value for name, value in weights.items() if name != LAST},
        rf"1 weights of its BertModel are missing, {LAST}: give a folder",
    ),
    "all have another name": (
        lambda weights: {f"model.{name}": value for name, value in weights.items()},
        r"53 weights of its BertModel are missing, .*, encoder.layer.\* \(48\), while nothing reads model.\* \(53\)",
    ),
    "another size": (
        lambda weights: {**weights, LAST: torch.zeros(3, 3)},
        rf"{LAST} is \[3, 3\] there, and \[16, 32\] in the BertModel of its config.json",
    ),
    "not a number": (
        lambda weights: {**weights, LAST: torch.full_like(weights[LAST], torch.nan)},
        rf"512 of the 512 numbers of {LAST} are not finite",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_weights_that_are_not_as_the_configuration_says_are_refused(backbone: Path, tmp_path: Path, name: str) -> None:
    change, message = BROKEN[name]
    with pytest.raises(UserError, match=message):
        load(edited(backbone, tmp_path / "broken", change))


@pytest.mark.parametrize("part", ["classifier.out_proj.weight", "classifier.dense.bias"])
def test_a_classifier_without_all_of_its_head_is_refused(backbone: Path, tmp_path: Path, part: str) -> None:
    whole = write_classifier(tmp_path / "whole", backbone, "roberta")
    folder = edited(whole, tmp_path / "part", lambda weights: {k: v for k, v in weights.items() if k != part})
    with pytest.raises(UserError, match=f"1 weights of its RobertaForSequenceClassification are missing, {part}"):
        TextEncoder.load_with_head(folder, layers=None, dropout=0.0)


def test_a_file_that_is_no_safetensors_is_refused(backbone: Path, tmp_path: Path) -> None:
    folder = edited(backbone, tmp_path / "torn", lambda weights: weights)
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:100])
    with pytest.raises(UserError, match="transformers does not load this folder"):
        load(folder)


def test_a_folder_without_a_tokenizer_is_refused(backbone: Path, tmp_path: Path) -> None:
    folder = edited(backbone, tmp_path / "bare", lambda weights: weights)
    for path in [*folder.glob("tokenizer*"), *folder.glob("vocab*"), *folder.glob("special*")]:
        path.unlink()
    with pytest.raises(UserError, match="has no tokenizer"):
        load(folder)
