"""Files of stored scores, as a training reads them."""

from pathlib import Path

import pytest
from torch import nn

from retrieval_kd.app.stages.score_files import stored_scores
from retrieval_kd.scorers.stored import Stored
from retrieval_kd.text.run import Run


def stored(path: Path, **values: object) -> Stored:
    node = {"file": str(path), "layout": "auto", "given": "scores", "missing": "drop", "scale": 1.0}
    return Stored(**{**node, **values})  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scores.tsv"
    path.write_text("q\ta\t0.75\nq\tb\t0.5\n")
    return path


def test_every_stored_scorer_brings_its_file_members_of_others_too(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.trec"
    Run.of({"q": [("a", 3.0)]}).write(other)
    several = nn.ModuleDict({"file": stored(other, missing="minimum")})
    scores = stored_scores({"stored": stored(file), "ensemble": several, "student": nn.Identity()})  # type: ignore[dict-item]
    assert scores == {
        str(file): (Run.of({"q": [("a", 0.75), ("b", 0.5)]}), "drop"),
        str(other): (Run.of({"q": [("a", 3.0)]}), "minimum"),
    }


def test_scores_that_look_like_probabilities_are_remarked_upon(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    stored_scores({"stored": stored(file)})
    logged = caplog.text
    assert f"teacher.stored: all scores of {file} lie in [0, 1] and look like probabilities" in logged
    assert "set teacher.stored.given=probabilities, or scale them" in logged


def test_nothing_is_remarked_where_they_are_said_to_be_or_are_none(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stored_scores({"stored": stored(file, given="probabilities")})
    file.write_text("q\ta\t7.5\nq\tb\t0.5\n")
    stored_scores({"stored": stored(file)})
    assert caplog.messages == []


def test_one_of_several_ranks_speaks(
    file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert stored_scores({"stored": stored(file)})
    assert caplog.messages == []
