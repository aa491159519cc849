"""Where a backbone is, what its digest is, and which of its layers are kept."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from retrieval_kd.encoders import weights
from retrieval_kd.encoders.encoder import TextEncoder
from retrieval_kd.encoders.weights import digest, layers_to_keep, locate, spread
from retrieval_kd.errors import UserError


def copy(backbone: Path, place: Path) -> Path:
    return Path(shutil.copytree(backbone, place))


def change_a_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    next(iter(weights.values())).view(-1)[0] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.fixture
def cut(backbone: Path, tmp_path: Path) -> Path:
    """The backbone's first and last layer, saved."""
    folder = tmp_path / "cut"
    TextEncoder.load(backbone, layers=[0, 2], dropout=0.0).save(folder)
    return folder


@pytest.mark.parametrize(
    ("number", "depth", "layers"),
    [
        (3, 6, [0, 3, 5]),
        (6, 6, [0, 1, 2, 3, 4, 5]),
        (1, 6, [0]),
        (2, 6, [0, 5]),
        (4, 6, [0, 2, 3, 5]),
        (4, 12, [0, 4, 7, 11]),
    ],
)
def test_a_number_of_layers_spreads_from_first_to_last_rounding_half_up(
    number: int, depth: int, layers: list[int]
) -> None:
    assert spread(number, depth) == layers


def test_a_list_of_layers_is_kept() -> None:
    assert spread([0, 1, 3, 5], 6) == [0, 1, 3, 5]


@pytest.mark.parametrize("wanted", [0, 7, -1, [], [0, 6], [-1, 2], [3, 1], [2, 2]])
def test_layers_that_are_not_there_are_refused(wanted: int | list[int]) -> None:
    with pytest.raises(UserError, match="give"):
        spread(wanted, 6)


def test_a_whole_backbone_is_cut(backbone: Path) -> None:
    assert layers_to_keep(backbone, None) == ([0, 1, 2], [0, 1, 2])
    assert layers_to_keep(backbone, 2) == ([0, 2], [0, 2])
    assert layers_to_keep(backbone, [1]) == ([1], [1])


def test_a_checkpoint_with_the_same_layers_is_loaded_as_it_is(cut: Path) -> None:
    assert layers_to_keep(cut, [0, 2]) == ([0, 2], [0, 1])
    assert layers_to_keep(cut, None) == ([0, 2], [0, 1])
    assert layers_to_keep(cut, 2) == ([0, 2], [0, 1])  # two of the original three, not of the two that are there


@pytest.mark.parametrize("wanted", [[0], [0, 1], 1, 3])
def test_a_checkpoint_with_other_layers_is_refused(cut: Path, wanted: int | list[int]) -> None:
    with pytest.raises(UserError, match=r"keeps layers \[0, 2\] of 3"):
        layers_to_keep(cut, wanted)


def test_a_checkpoint_with_all_layers_may_be_cut(backbone: Path, tmp_path: Path) -> None:
    TextEncoder.load(backbone, layers=None, dropout=0.0).save(tmp_path / "whole")
    assert layers_to_keep(tmp_path / "whole", [0, 2]) == ([0, 2], [0, 2])


def test_a_folder_with_safetensors_is_taken(backbone: Path) -> None:
    assert locate(str(backbone)) == backbone


def test_a_folder_of_pickled_weights_is_refused(backbone: Path, tmp_path: Path) -> None:
    folder = copy(backbone, tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="pickled weights are never loaded"):
        locate(str(folder))


def test_a_folder_without_a_configuration_is_refused(backbone: Path, tmp_path: Path) -> None:
    folder = copy(backbone, tmp_path / "bare")
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"has no config\.json"):
        locate(str(folder))


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nowhere", "~/nowhere", "no/such/folder", "artifacts/train-1/x"])
def test_a_folder_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        locate(name)


def test_a_hub_that_does_not_answer_is_one_error() -> None:
    with pytest.raises(UserError, match="'nobody/nothing' is neither a folder nor minilm") as error:
        locate("nobody/nothing")
    assert "\n" not in str(error.value)


class Package:
    """What importlib knows of a package at a place."""

    def __init__(self, folder: Path) -> None:
        self.origin = str(folder / "__init__.py")


def test_minilm_with_other_weights_than_the_published_ones_is_refused(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(backbone, tmp_path / "model")
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda _: Package(tmp_path))
    with pytest.raises(UserError, match=r"have SHA-256 [0-9a-f]{64}, not 53aa5117"):
        locate("minilm")
    monkeypatch.setattr(weights, "_MINILM_SHA256", weights._sha256(tmp_path / "model" / "model.safetensors"))
    assert locate("minilm") == tmp_path / "model"


def test_minilm_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"install retrieval-kd\[weights\]"):
        locate("minilm")


def test_a_digest_is_of_the_contents_and_not_of_the_place(backbone: Path, tmp_path: Path) -> None:
    assert digest(str(copy(backbone, tmp_path / "one"))) == digest(str(copy(backbone, tmp_path / "two")))


def test_a_digest_changes_with_a_weight_even_where_the_name_stays(backbone: Path, tmp_path: Path) -> None:
    folder = copy(backbone, tmp_path / "one")
    before = digest(str(folder))
    change_a_weight(folder)
    assert digest(str(folder)) != before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_digest_changes_with_the_configuration_and_the_tokenizer(backbone: Path, tmp_path: Path, name: str) -> None:
    one, two = copy(backbone, tmp_path / "one"), copy(backbone, tmp_path / "two")
    config = json.loads((two / name).read_text())
    (two / name).write_text(json.dumps({**config, "something": "else"}))
    assert digest(str(one)) != digest(str(two))


def tied(folder: Path, encoder: Path) -> Path:
    """A saved scorer that reads through the encoder in another folder."""
    copy(encoder, folder / "student")
    (folder / "late").mkdir()
    (folder / "late" / "scorer.json").write_text(json.dumps({"kind": "late", "encoders": {"text": "../student"}}))
    return folder / "late"


def test_the_digest_of_a_tied_scorer_covers_the_encoder_that_it_reads_through(backbone: Path, tmp_path: Path) -> None:
    one, two = tied(tmp_path / "one", backbone), tied(tmp_path / "two", backbone)
    assert digest(str(one)) == digest(str(two))
    change_a_weight(tmp_path / "two" / "student")
    assert digest(str(one)) != digest(str(two))


def test_the_digest_of_a_saved_scorer_covers_its_head(backbone: Path, tmp_path: Path) -> None:
    one, two = tied(tmp_path / "one", backbone), tied(tmp_path / "two", backbone)
    for folder, value in ((one, 0.0), (two, 1.0)):
        save_file({"weight": torch.tensor([value])}, folder / "head.safetensors")
    assert digest(str(one)) != digest(str(two))
