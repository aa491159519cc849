"""Scores that somebody wrote down."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from retrieval_kd.errors import UserError
from retrieval_kd.scorers.stored import Stored
from retrieval_kd.text.run import Run
from tests.scorers.reading import batch, features, look

SCORES = torch.arange(12.0).view(4, 3)


def stored(**options: object) -> Stored:
    node = {"file": "scores.trec", "layout": "auto", "given": "scores", "missing": "drop", "scale": 1.0}
    return Stored(**{**node, **options})


def test_its_scores_are_the_files_times_its_scale() -> None:
    view = look(stored(scale=0.5), batch(stored={"scores.trec": SCORES}), features("scores"))
    assert torch.equal(view.scores, SCORES / 2)


def test_every_rank_shows_its_own_rows() -> None:
    part = replace(batch(stored={"scores.trec": SCORES}), first=2, local=2)
    assert torch.equal(look(stored(), part, features("scores")).scores, SCORES[2:])


def test_an_unknown_score_stays_unknown() -> None:
    some = SCORES.clone()
    some[1, 1] = torch.nan
    view = look(stored(), batch(stored={"scores.trec": some}), features("scores"))
    assert view.scores.isnan().nonzero().tolist() == [[1, 1]]


def test_its_file_is_read_in_the_layout_of_its_option(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    path.write_text("2.5\t-1.0\tq\ta\tb\n")
    assert stored(file=str(path), layout="triples").read() == Run.of({"q": [("a", 2.5), ("b", -1.0)]})


def test_probabilities_become_log_odds_and_what_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("q,a,0.75\nq,b,0.5\n")
    result = stored(file=str(path), given="probabilities").read().lists["q"]
    assert dict(result) == pytest.approx({"a": math.log(3), "b": 0.0})
    path.write_text("q,a,7.5\n")
    with pytest.raises(UserError, match=r"scores\.csv: given=probabilities, but passage 'a' scores 7.5 for query 'q'"):
        stored(file=str(path), given="probabilities").read()


def test_it_reads_no_text_and_has_nothing_to_learn() -> None:
    scorer = stored()
    assert scorer.readings(batch()) == {}
    assert scorer.tokenisation is None
    assert list(scorer.parameters()) == []
    assert scorer.offers == {"scores"}
    with pytest.raises(ValueError, match="read no text"):
        scorer.project(None, "query", features("scores"))
    with pytest.raises(ValueError, match="a stored scorer reads no query"):
        scorer.encoder_of("query")
    with pytest.raises(ValueError, match="a stored scorer scores no vectors"):
        scorer.match({}, {})
