"""Scorers on disk: saved, read back, tied; and what their vectors are known by."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from retrieval_kd.errors import UserError
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.scorers.record import encoder_folder
from retrieval_kd.scorers.scorer import Scorer, blocks
from retrieval_kd.scorers.view import View, Want
from tests.scorers.reading import QUERIES, alone, batch, cross, dual, features, late, look, moved

Make = Callable[..., Scorer]
FORMS = {
    "dual": (dual, {}),
    "dual projected": (dual, {"projection": 5}),
    "dual of two towers": (dual, {"shared": False, "projection": 5}),
    "late": (late, {}),
    "late projected": (late, {"projection": 4}),
    "late of two towers": (late, {"shared": False}),
    "cross": (cross, {}),
    "cross with a pooler": (cross, {"pooling": "pooler"}),
    "cut": (dual, {"layers": [0, 2]}),
}


def scores(scorer: Scorer) -> torch.Tensor:
    view: View = look(scorer, batch(scorer), features("scores"))
    assert view.scores is not None
    return view.scores.detach()


def reopened(make: Make, folder: Path, **options: object) -> Scorer:
    scorer = make(Path("/nowhere"), checkpoint=str(folder), **options)
    scorer.load_head(folder)
    return scorer


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_saved_scorer_scores_the_same_when_read_back(backbone: Path, tmp_path: Path, form: str) -> None:
    make, options = FORMS[form]
    scorer = moved(make(backbone, **options))
    scorer.save(tmp_path / "saved")
    again = reopened(make, tmp_path / "saved", **options)
    assert torch.equal(scores(again), scores(scorer))
    assert not torch.allclose(scores(scorer), scores(make(backbone, **options)), atol=1e-2)


@pytest.mark.parametrize("form", FORMS)
def test_a_saved_scorer_is_a_transformers_folder_and_holds_no_pickle(backbone: Path, tmp_path: Path, form: str) -> None:
    from transformers import AutoModel, AutoTokenizer

    make, options = FORMS[form]
    scorer = moved(make(backbone, **options))
    scorer.save(tmp_path)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {".json", ".safetensors", ".txt"}
    for number, (name, encoder) in enumerate(scorer.encoders().items()):
        folder = tmp_path / name if number else tmp_path
        theirs = AutoModel.from_pretrained(folder, add_pooling_layer=False).state_dict()
        assert all(torch.equal(value, theirs[key]) for key, value in encoder.backbone.state_dict().items())
        assert AutoTokenizer.from_pretrained(folder)("red fox")["input_ids"][0] == 2


def test_a_tied_scorer_is_saved_once_and_reads_through_the_others_encoder(backbone: Path, tmp_path: Path) -> None:
    student = moved(dual(backbone))
    teacher = late(backbone, projection=4, towers=student.towers)
    student.save(tmp_path / "student")
    teacher.save(tmp_path / "late", encoders_in=tmp_path / "student")
    assert sorted(path.name for path in (tmp_path / "late").iterdir()) == ["head.safetensors", "scorer.json"]
    assert encoder_folder(tmp_path / "late", "query") == tmp_path / "student"
    assert torch.equal(scores(reopened(late, tmp_path / "late", projection=4)), scores(teacher))


def test_a_scorer_tied_to_two_towers_finds_both(backbone: Path, tmp_path: Path) -> None:
    student = moved(dual(backbone, shared=False))
    teacher = late(backbone, shared=False, towers=student.towers)
    student.save(tmp_path / "student")
    teacher.save(tmp_path / "late", encoders_in=tmp_path / "student")
    assert torch.equal(scores(reopened(late, tmp_path / "late", shared=False)), scores(teacher))


def test_a_saved_pair_of_scorers_may_be_moved_together(backbone: Path, tmp_path: Path) -> None:
    student = moved(dual(backbone))
    teacher = late(backbone, towers=student.towers)
    student.save(tmp_path / "here" / "student")
    teacher.save(tmp_path / "here" / "late", encoders_in=tmp_path / "here" / "student")
    (tmp_path / "here").rename(tmp_path / "there")
    assert torch.equal(scores(reopened(late, tmp_path / "there" / "late")), scores(teacher))


def test_separate_towers_may_start_from_a_shared_one(backbone: Path, tmp_path: Path) -> None:
    shared = moved(dual(backbone))
    shared.save(tmp_path)
    apart = reopened(dual, tmp_path, shared=False)
    assert torch.allclose(scores(apart), scores(shared), atol=1e-4)  # shared, queries and passages are grouped together
    assert apart.encoder_of("query") is not apart.encoder_of("passage")


def test_a_scorer_of_another_kind_takes_the_encoder_and_leaves_the_head(backbone: Path, tmp_path: Path) -> None:
    teacher = moved(late(backbone, projection=5))
    teacher.save(tmp_path)
    student = dual(Path("/nowhere"), checkpoint=str(tmp_path), projection=5)
    before = student.projection.weight.clone()
    assert not student.load_head(tmp_path)
    assert torch.equal(student.projection.weight, before)
    one, other = (next(scorer.encoder_of("query").parameters()) for scorer in (student, teacher))
    assert torch.equal(one, other)


@pytest.mark.parametrize("projection", [4, None])
def test_a_head_of_another_size_is_refused(backbone: Path, tmp_path: Path, projection: int | None) -> None:
    dual(backbone, projection=5).save(tmp_path)
    scorer = dual(backbone, projection=projection)
    with pytest.raises(UserError, match="give the projection or pooling that it was saved with"):
        scorer.load_head(tmp_path)


def test_a_projection_may_be_put_on_a_checkpoint_without_one(backbone: Path, tmp_path: Path) -> None:
    dual(backbone).save(tmp_path)
    assert not (tmp_path / "head.safetensors").exists()
    assert not reopened(dual, tmp_path, projection=3).load_head(tmp_path)


def test_a_record_says_what_was_saved_and_which_layers(backbone: Path, tmp_path: Path) -> None:
    scorer = dual(backbone, shared=False, layers=2)
    scorer.save(tmp_path)
    assert json.loads((tmp_path / "scorer.json").read_text()) == {
        "kind": "dual",
        "encoders": {"query": ".", "passage": "passage"},
        "form": {**Dual.FORM, "shared": False, "query_length": 16, "passage_length": 16},
    }
    assert json.loads((tmp_path / "passage" / "config.json").read_text())["retrieval_kd_layers"] == [0, 2]
    with pytest.raises(UserError, match=r"keeps layers \[0, 2\] of 3"):
        reopened(dual, tmp_path, shared=False, layers=[0, 1])


def test_a_plain_backbone_is_its_own_encoder(backbone: Path) -> None:
    assert encoder_folder(backbone, "query") == backbone


def test_equal_weights_read_from_other_places_have_one_digest(backbone: Path, tmp_path: Path) -> None:
    scorer = dual(backbone, projection=3)
    scorer.save(tmp_path)
    assert reopened(dual, tmp_path, projection=3).weights_digest("passage") == scorer.weights_digest("passage")


@pytest.mark.parametrize(
    "options",
    [{"pooling": "cls"}, {"normalize": False}, {"passage_length": 9}, {"passage_marker": "[D]"}, {"layers": [0, 1]}],
)
def test_whatever_changes_a_vector_changes_its_digest(backbone: Path, options: dict[str, object]) -> None:
    assert dual(backbone, **options).weights_digest("passage") != dual(backbone).weights_digest("passage")


@pytest.mark.parametrize("options", [{"over": "words"}, {"normalize_passage": False}])
def test_whatever_changes_a_token_vector_changes_its_digest(backbone: Path, options: dict[str, object]) -> None:
    assert late(backbone, **options).weights_digest("passage") != late(backbone).weights_digest("passage")


def test_any_weight_changes_the_digest_of_what_it_reads_alone(backbone: Path) -> None:
    scorer = dual(backbone, shared=False, projection=3)
    query, passage = scorer.weights_digest("query"), scorer.weights_digest("passage")
    with torch.no_grad():
        scorer.towers.query.backbone.encoder.layer[2].output.dense.bias[-1] += 1e-3
    assert scorer.weights_digest("query") != query
    assert scorer.weights_digest("passage") == passage
    with torch.no_grad():
        scorer.projection.weight[-1, -1] += 1e-3
    assert scorer.weights_digest("passage") != passage


def test_the_scale_of_scores_is_no_part_of_a_vectors_digest(backbone: Path) -> None:
    assert dual(backbone, scale=1.0).weights_digest("query") == dual(backbone).weights_digest("query")


def test_texts_are_tokenised_by_the_tokenizer_that_was_saved_along(backbone: Path, tmp_path: Path) -> None:
    scorer = dual(backbone)
    scorer.save(tmp_path)
    again = reopened(dual, tmp_path)
    assert again.tokenisation == scorer.tokenisation
    assert again.tokenisation.folder == str(tmp_path)
    states = [alone(one.encoder_of("query"), one.tokenisation, QUERIES[0], "query") for one in (scorer, again)]
    assert torch.equal(*states)


def test_wanted_blocks_are_counted_from_either_end() -> None:
    wants = frozenset({Want("layers", 0), Want("pool_layers", -1), Want("layers", 2), Want("scores")})
    assert blocks(wants, 3) == {0, 2}
    assert blocks(frozenset({Want("pool")}), 3) == frozenset()


@pytest.mark.parametrize("layer", [3, -4])
def test_a_block_that_is_not_there_is_refused(layer: int) -> None:
    with pytest.raises(ValueError, match=f"layer {layer} is wanted of an encoder with 3 layers: give one from -3 to 2"):
        blocks(frozenset({Want("layers", layer)}), 3)


@pytest.mark.parametrize("form", ["dual projected", "late projected", "cross with a pooler"])
def test_scores_are_float32_where_the_encoder_computes_in_half(backbone: Path, form: str) -> None:
    make, options = FORMS[form]
    scorer = make(backbone, **options)
    expected = scores(scorer)
    wants = features(*({"scores", "pool", "vectors"} & scorer.offers))
    with torch.autocast("cpu", torch.bfloat16):
        view = look(scorer, batch(scorer), wants)
    result = [view.scores, *(some for some in (view.pool, view.vectors.get("query")) if some is not None)]
    assert {some.dtype for some in result} == {torch.float32}
    assert torch.allclose(view.scores, expected, atol=0.3)  # of a scale of 20
    rounded = view.scores.bfloat16().float()
    assert not torch.equal(view.scores, rounded)
    view.scores.sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in scorer.head().parameters())
