"""What is refused of a scorer's numbers."""

import json
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.check.scorers import positions, scorer_problems, segment_problems
from retrieval_kd.app.plan.forms import with_forms
from tests.contracts.options import option

NO_TENSORS = b"\x02" + bytes(7) + b"{}"  # a safetensors file of none


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    """A folder that says of itself: two layers, 128 positions."""
    (tmp_path / "model.safetensors").write_bytes(NO_TENSORS)
    (tmp_path / "tokenizer.json").write_text("{}")
    return configured(tmp_path, num_hidden_layers=2, max_position_embeddings=128, model_type="bert")


def configured(folder: Path, **values: Any) -> Path:
    (folder / "config.json").write_text(json.dumps(values))
    return folder


def problems_of(backbone: Path, kind: str, **values: Any) -> list[str]:
    node = {**option("scorer", kind), "backbone": str(backbone), "query_length": 32, "passage_length": 96}
    return list(scorer_problems(with_forms({"student": {**node, **values}}, {}), {}))


@pytest.mark.parametrize("kind", ["dual", "late", "cross"])
def test_texts_fit_the_positions_of_the_backbone(backbone: Path, kind: str) -> None:
    assert problems_of(backbone, kind) == []
    (problem,) = problems_of(backbone, kind, passage_length=129)
    assert "student.passage_length=129" in problem
    assert "reads 128 tokens at most" in problem


def test_a_pair_is_one_text_to_a_cross_encoder(backbone: Path) -> None:
    assert problems_of(backbone, "dual", query_length=33) == []
    (problem,) = problems_of(backbone, "cross", query_length=33)
    assert problem.startswith("student.query_length=33 and student.passage_length=96: ")
    assert problem.endswith("let their sum be 128")


def test_a_text_has_room_for_a_word(backbone: Path) -> None:
    assert problems_of(backbone, "dual", query_length=3, passage_length=3) == []
    assert problems_of(backbone, "dual", query_length=2, passage_length=0) == [
        "student.query_length=2: give at least 3, as special tokens count",
        "student.passage_length=0: give at least 3, as special tokens count",
    ]


@pytest.mark.parametrize(("dropout", "fits"), [(0, True), (0.9, True), (1.0, False), (-0.1, False)])
def test_dropout_is_a_share_below_1(backbone: Path, dropout: float, fits: bool) -> None:
    problems = problems_of(backbone, "cross", dropout=dropout)
    assert problems == ([] if fits else [f"student.dropout={dropout}: give a number from 0 on, below 1"])


@pytest.mark.parametrize(("dropout", "fits"), [("same", True), (0.5, True), (1.5, False)])
def test_so_is_the_dropout_before_a_head(backbone: Path, dropout: float | str, fits: bool) -> None:
    problems = problems_of(backbone, "cross", head_dropout=dropout)
    assert problems == ([] if fits else [f"student.head_dropout={dropout}: give a number from 0 on, below 1"])


@pytest.mark.parametrize(
    ("config", "none"),
    [
        ({"model_type": "bert"}, False),
        ({"model_type": "bert", "type_vocab_size": 2}, False),
        ({"model_type": "roberta", "type_vocab_size": 1}, True),
        ({"model_type": "distilbert"}, True),
    ],
)
def test_segments_are_asked_for_only_where_a_backbone_has_some(
    backbone: Path, config: dict[str, Any], none: bool
) -> None:
    configured(backbone, num_hidden_layers=2, max_position_embeddings=128, **config)
    made_by = {"ranker": {"student": {"backbone": str(backbone), "checkpoint": None}}}
    for source in (str(backbone), "${artifact:ranker}"):
        node = {"backbone": source, "checkpoint": None}
        message = f"student.segments=true: {backbone} has no segments (token types); leave it null"
        assert list(segment_problems("student", {**node, "segments": True}, made_by)) == ([message] if none else [])
        assert list(segment_problems("student", {**node, "segments": False}, made_by)) == []
        assert list(segment_problems("student", {**node, "segments": None}, made_by)) == []


def test_layers_that_a_backbone_has_not_are_named(backbone: Path) -> None:
    (problem,) = problems_of(backbone, "dual", layers=[0, 5])
    assert problem.startswith("student.layers=[0, 5]: give rising indices between 0 and 1")


def test_members_are_looked_at_as_scorers_are(backbone: Path) -> None:
    member = {**option("scorer", "late"), "backbone": str(backbone), "passage_length": 500}
    node = {"_target_": "retrieval_kd.scorers.ensemble.Ensemble", "members": {"late": member}}
    (problem,) = scorer_problems(with_forms({"teacher": {"ensemble": node}}, {}), {})
    assert problem.startswith("teacher.ensemble.members.late.passage_length=500: ")


def test_what_a_stage_will_make_has_the_positions_of_what_it_starts_from(backbone: Path, tmp_path: Path) -> None:
    other = tmp_path / "long"
    other.mkdir()
    (other / "model.safetensors").write_bytes(NO_TENSORS)
    (other / "tokenizer.json").write_text("{}")
    configured(other, num_hidden_layers=2, max_position_embeddings=4096)
    started = {"student": {"backbone": str(backbone), "checkpoint": None}}
    made_by = {
        "first": started,
        "second": {"student": {"backbone": str(other), "checkpoint": "${artifact:first}"}},
        "long": {"student": {"backbone": str(other), "checkpoint": None}},
        "tied": {**started, "teacher": {"late": {"backbone": str(other)}}, "loss": {"tied": ["student", "late"]}},
    }

    def fits(stage: str) -> bool:
        node = {**option("scorer", "dual"), "checkpoint": f"${{artifact:{stage}}}", "passage_length": 500}
        return not list(scorer_problems(with_forms({"student": node}, made_by), made_by))

    assert [fits(stage) for stage in ("first", "second", "long", "tied.late")] == [False, False, True, False]
    assert fits("unknown")  # refused by a check of its own


def test_positions_begin_after_the_paddings_in_robertas_family(tmp_path: Path) -> None:
    roberta = configured(tmp_path, model_type="roberta", max_position_embeddings=514, pad_token_id=1)
    assert positions(roberta) == 512
    assert positions(configured(tmp_path, model_type="bert", max_position_embeddings=512, pad_token_id=0)) == 512
    assert positions(configured(tmp_path, num_hidden_layers=6)) is None
