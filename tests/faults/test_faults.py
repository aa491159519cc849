"""A run that is killed, asked to stop or out of room ends with the bytes of one that was not."""

from pathlib import Path

import pytest

from tests.faults.injected import differences, inject, leftovers
from tests.planted import planted_backbone, write_planted

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("recipe", "words"), [("adam", ("experiment=adam",))])
def test_a_recipe_survives_its_faults(recipe: str, words: tuple[str, ...], tmp_path: Path) -> None:
    collection = write_planted(tmp_path / "beir")
    backbone = planted_backbone(tmp_path / "six", collection, layers=6, dim=16)
    tally = inject(recipe, words, folder=tmp_path, collection=collection, backbone=backbone, faults=3)
    assert tally.wrong == []
    assert tally.differing == []
    assert tally.injected == {"SIGKILL": 1, "SIGTERM": 1, "file limit": 1}
    assert tally.files > 0


def test_a_difference_is_seen() -> None:
    assert differences({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3, "d": 4}) == ["b", "c", "d"]


def test_what_is_left_behind_is_seen(tmp_path: Path) -> None:
    (tmp_path / "train-0.part").mkdir()
    assert list(leftovers(tmp_path)) == ["train-0.part"]
