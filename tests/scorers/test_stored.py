"""Scores that somebody wrote down."""

from dataclasses import replace

import pytest
import torch

from retrieval_kd.scorers.stored import Stored
from tests.scorers.reading import batch, features, look

SCORES = torch.arange(12.0).view(4, 3)


def stored(**given: object) -> Stored:
    return Stored(**{"file": "scores.trec", "missing": "drop", "scale": 1.0, **given})


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


def test_it_reads_no_text_and_has_nothing_to_learn() -> None:
    scorer = stored()
    assert scorer.readings(batch()) == {}
    assert scorer.tokenisation is None
    assert list(scorer.parameters()) == []
    assert scorer.offers == {"scores"}
    with pytest.raises(ValueError, match="read no text"):
        scorer.keep(None, "query", features("scores"))
    with pytest.raises(ValueError, match="a stored scorer reads no query"):
        scorer.encoder_of("query")
    with pytest.raises(ValueError, match="a stored scorer does not compare texts"):
        scorer.match({}, {})
