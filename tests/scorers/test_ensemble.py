"""Several teachers as one."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from retrieval_kd.errors import UserError
from retrieval_kd.scorers.ensemble import Ensemble, standardised
from retrieval_kd.scorers.scorer import Scorer, Size
from retrieval_kd.scorers.stored import Stored
from retrieval_kd.scorers.view import View
from tests.scorers.reading import batch, cross, dual, features, late, look, moved

RISING, FALLING = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[9.0, 9.0, 0.0]])
ROOT = 1.5**0.5  # 1, 2, 3 have mean 2 and sd sqrt(2 / 3)


def stored(file: str) -> Stored:
    return Stored(file=file, layout="trec", given="scores", missing="drop", scale=1.0)


def ensemble(*, weights: dict[str, float] | None = None, scale: float = 1.0, **members: Scorer) -> Ensemble:
    return Ensemble(members=members, weights=weights, scale=scale).eval()


def shown(scorer: Scorer, **scores: Tensor) -> View:
    """Over one query with three candidates."""
    step = batch(scorer, queries=["red fox"], lists=[["a", "b", "c"]], queries_per_pool=1, stored=scores)
    return look(scorer, step, features("scores"))


def two(**options: object) -> Ensemble:
    return ensemble(one=stored("one"), other=stored("other"), **options)


def test_a_score_is_the_mean_of_its_members_standardised_scores() -> None:
    view = shown(two(), one=RISING, other=FALLING)
    # 9, 9, 0 have mean 6 and sd sqrt(18)
    expected = [(-ROOT + 0.5**0.5) / 2, 0.5**0.5 / 2, (ROOT - 2**0.5) / 2]
    assert view.scores[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_weights_are_by_member_and_scale_multiplies() -> None:
    view = shown(two(weights={"other": 0.0, "one": 2.0}, scale=4.0), one=RISING, other=FALLING)
    assert view.scores[0].tolist() == pytest.approx([-4 * ROOT, 0, 4 * ROOT], abs=1e-6)


def test_a_member_on_another_scale_says_the_same() -> None:
    plain, moved_up = (shown(two(), one=RISING, other=other).scores for other in (FALLING, 7 * FALLING - 100))
    assert torch.allclose(plain, moved_up, atol=1e-6)


def test_a_member_that_scores_all_alike_adds_nothing() -> None:
    view = shown(two(), one=RISING, other=torch.full((1, 3), 0.1))
    assert view.scores[0].tolist() == pytest.approx([-ROOT / 2, 0, ROOT / 2], abs=1e-6)


def test_a_candidate_without_one_score_has_none_and_counts_for_nobody() -> None:
    lacking = torch.tensor([[5.0, torch.nan, 1.0]])
    view = shown(two(), one=torch.tensor([[2.0, 77.0, 4.0]]), other=lacking)
    assert view.scores[0].isnan().tolist() == [False, True, False]
    assert view.scores[0, [0, 2]].tolist() == pytest.approx([(-1 + 1) / 2, (1 - 1) / 2])


def test_an_absent_candidate_does_not_count() -> None:
    scorer = two()
    scores = {"one": torch.tensor([[2.0, 4.0, torch.nan]]), "other": torch.tensor([[0.0, 1.0, torch.nan]])}
    step = batch(queries=["red fox"], lists=[["a", "b", ""]], queries_per_pool=1, stored=scores)
    assert look(scorer, step, features("scores")).scores.tolist() == [[-1.0, 1.0, 0.0]]


def test_unknown_scores_standardise_to_zero() -> None:
    known = torch.tensor([[True, False], [False, False]])
    scores = torch.tensor([[[3.0, torch.nan], [torch.nan, torch.nan]]])
    assert standardised(scores, known).tolist() == [[[0.0, 0.0], [0.0, 0.0]]]


def test_members_read_texts_each_in_its_own_way(backbone: Path) -> None:
    members = {"pairs": moved(cross(backbone)), "tokens": moved(late(backbone)), "vectors": dual(backbone)}
    scorer = ensemble(**members)
    step = batch(scorer)
    alone = torch.stack([look(member, step, features("scores")).scores for member in members.values()])
    expected = standardised(alone, step.present).mean(0)
    assert torch.allclose(look(scorer, step, features("scores")).scores, expected, atol=1e-5)
    assert set(scorer.readings(step)) == {
        "pairs.pair",
        "tokens.query",
        "tokens.passage",
        "vectors.query",
        "vectors.passage",
    }
    assert scorer.encoder_of("tokens.query") is members["tokens"].encoder_of("query")
    assert scorer.written("pairs.pair") == members["pairs"].tokenisation
    assert scorer.weights_digest("vectors.query") == members["vectors"].weights_digest("query")
    assert (
        scorer.cacheable("pairs.pair", features("scores")),
        scorer.cacheable("tokens.query", features("scores")),
    ) == (
        "score",
        None,
    )


def test_members_that_write_alike_share_their_texts(backbone: Path) -> None:
    same = ensemble(one=dual(backbone), other=moved(dual(backbone)))
    assert len(same.tokenisations()) == 1
    assert len(ensemble(one=dual(backbone), other=cross(backbone), third=stored("x")).tokenisations()) == 2


def test_it_is_a_guide_that_shows_scores_and_never_learns(backbone: Path) -> None:
    scorer = ensemble(one=dual(backbone), other=stored("other"))
    assert scorer.offers == {"scores"}
    assert not scorer.teachable
    assert scorer.size == Size(0, 0)
    assert scorer.written("query") is None
    with pytest.raises(ValueError, match=r"an ensemble reads no query itself: give a member's, such as one.query"):
        scorer.encoder_of("query")


@pytest.mark.parametrize("weights", [{"one": 1.0}, {"one": -1.0, "other": 2.0}, {"one": 0.0, "other": 0.0}])
def test_weights_that_are_none_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(UserError, match="give one from 0 on for each of one, other, not all 0, or null"):
        two(weights=weights)
    with pytest.raises(UserError, match="each of no member"):
        ensemble()
