"""A plan reads the forms of what it starts from: heads that do not fit are refused, values that change a form told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.plan.forms import with_forms
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.stages.open_scorers import open_all, open_scorer
from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.errors import UserError
from tests.app.conftest import WORDS
from tests.contracts.options import option

pytestmark = pytest.mark.slow  # a plan takes a third of a second

Planned = Callable[..., Plan]
NODES = {name: option("scorer", name) for name in ("dual", "late", "cross")}  # composed before there is a plan's Hydra
ASYMMETRIC, ENSEMBLE = option("student", "asymmetric"), option("teacher", "ensemble")["ensemble"]


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("backbone"), WORDS)


@pytest.fixture(scope="session")
def saved(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a scorer of conf/scorer, saved in a form."""

    def save(kind: str, **form: Any) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        open_scorer({**NODES[kind], "backbone": str(backbone), **form}, seed=0).save(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def asymmetric(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    student = {**ASYMMETRIC, "backbone": str(backbone), "layers": None}
    teachers = {"dual": {**NODES["dual"], "backbone": str(backbone)}}
    folder = tmp_path_factory.mktemp("asymmetric")
    open_all(student, teachers, tied=(), learners={"student", "dual"}, seed=0)["student"].save(folder)
    return folder


def start(folder: Path) -> tuple[str, ...]:
    return f"student.checkpoint={folder}", "student.layers=null"


def about_forms(plan: Plan) -> list[str]:
    return [note for note in plan.notes if "the form of" in note or "starts from" in note or "reads passages" in note]


def test_a_head_of_another_width_is_refused_when_planned(plan: Planned, saved: Callable[..., Path]) -> None:
    projected, plain = saved("dual", projection=8), saved("dual")
    for width in (0, 16):
        with pytest.raises(UserError, match=rf"student\.projection={width}: .* has the head of projection=8, .*: set "):
            plan(*start(projected), f"student.projection={width}")
    assert about_forms(plan(*start(projected), "student.projection=8")) == []
    with pytest.raises(UserError, match=r"has the head of no projection, and nobody trains a new one"):
        plan(*start(plain), "+at.start.student.projection=8")
    assert about_forms(plan(*start(plain), "+at.train.student.projection=8")) == [
        f"train: student.projection=8 changes the form of {plain}, which has 0"
    ]


def test_a_teacher_that_does_not_learn_has_the_head_that_was_saved(plan: Planned, saved: Callable[..., Path]) -> None:
    words = ("teacher=colbert", "loss=tight_coupling")
    given = f"teacher.late.checkpoint={saved('late', projection=8)}"
    with pytest.raises(UserError, match=r"teacher\.late\.projection=4: .* has the head of projection=8"):
        plan(*words, given, "teacher.late.projection=4")
    with pytest.raises(UserError, match=r"teacher\.late\.projection=4: what late makes has the head of no projection"):
        plan(*words, "teacher.late.projection=4")


def test_a_cross_encoder_with_another_kind_of_head_is_refused(plan: Planned, saved: Callable[..., Path]) -> None:
    words = ("student=cross_encoder", "teacher=none", "loss=contrastive_list", "ranker=rerank")
    folder = saved("cross", pooling="pooler")
    with pytest.raises(
        UserError, match=r"student\.pooling=cls: .* has the head of pooling=pooler, which this would drop"
    ):
        plan(*words, *start(folder), "student.pooling=cls")
    assert about_forms(plan(*words, *start(folder))) == []
    with pytest.raises(UserError, match=r"student\.attention_layer=2: the encoder has 2 layers; give one from -2 to 1"):
        plan(*words, *start(folder), "student.attention_layer=2")


def test_a_value_that_changes_a_trained_form_is_told(plan: Planned, saved: Callable[..., Path]) -> None:
    folder = saved("dual", pooling="cls", query_marker="[Q]", shared=False)
    assert about_forms(plan(*start(folder))) == []
    notes = about_forms(plan(*start(folder), "student.pooling=mean", 'student.query_marker=""', "student.shared=true"))
    where = "mined, start, train: student"
    assert notes == [
        f"{where}.shared=true changes the form of {folder}, which has false",
        f"{where}.pooling=mean changes the form of {folder}, which has cls",
        f'{where}.query_marker="" changes the form of {folder}, which has [Q]',
    ]
    assert about_forms(plan(*start(folder), "student.pooling=cls", "student.shared=false")) == []


def test_a_place_for_no_marker_is_refused(plan: Planned) -> None:
    given = r"student\.query_marker or student\.passage_marker, or leave it null"
    with pytest.raises(
        UserError, match=rf"student\.marker_at=first has no effect, as there is no marker: give {given}"
    ):
        plan("student.marker_at=first")
    assert plan("student.marker_at=first", 'student.passage_marker="[D]"').stages


def test_so_is_a_pair_that_is_written_otherwise(plan: Planned, saved: Callable[..., Path]) -> None:
    folder, words = saved("cross", segments=False, head_dropout=0.25), ("student=cross_encoder", "teacher=none")
    words = (*words, "loss=contrastive_list", "ranker=rerank", *start(folder))
    assert about_forms(plan(*words)) == []
    (note,) = {line.partition(": ")[2] for line in about_forms(plan(*words, "student.segments=true"))}
    assert note == f"student.segments=true changes the form of {folder}, which has false"
    (note,) = {line.partition(": ")[2] for line in about_forms(plan(*words, "student.close=false"))}
    assert note == f"student.close=false changes the form of {folder}, which has true"


def test_so_is_one_that_differs_from_what_an_earlier_stage_saves(plan: Planned) -> None:
    assert about_forms(plan("student.pooling=cls")) == []
    assert about_forms(plan("+at.student.student.pooling=cls")) == [
        "student: student.pooling=cls changes the form of what train makes, which has mean"
    ]
    assert about_forms(plan("student.scale=3.0", "+at.train.student.scale=4.0")) == [
        "student: student.scale=3.0 changes the form of what train makes, which has 4.0"
    ]


def test_what_is_not_read_of_another_kind_of_scorer_is_told(plan: Planned, saved: Callable[..., Path]) -> None:
    folder = saved("late", projection=8, shared=False, query_length=9)
    note = f"student is dual and starts from {folder}, which is late: its encoder is read, not its head of projection=8"
    assert about_forms(plan(*start(folder))) == [f"mined, start, train: {note}"]
    assert about_forms(plan(*start(folder), "student.shared=true"))[-1].endswith(
        "projection=8 nor its passages' encoder"
    )
    assert about_forms(plan(*start(saved("late"))))[-1].endswith("which is late: its encoder is read")
    node = {**NODES["dual"], "checkpoint": str(folder)}
    formed = with_forms({"student": node}, {})["student"]
    assert (formed["query_length"], formed["shared"], formed["projection"]) == (9, False, 0)
    assert open_scorer(node, seed=0).form == {key: formed[key] for key in open_scorer(node, seed=0).form}


def test_an_asymmetric_scorer_is_opened_as_one_alone(
    plan: Planned, saved: Callable[..., Path], asymmetric: Path
) -> None:
    with pytest.raises(
        UserError, match=r"student: .*: an asymmetric scorer was saved there, .*: set student=asymmetric"
    ):
        plan(*start(asymmetric))
    words = ("student=asymmetric", "teacher=dual", "loss=aligned")
    notes = about_forms(plan(*words, *start(asymmetric)))
    assert notes == [
        f"train: student reads passages through teacher.dual, not through the passages' tower in {asymmetric}"
    ]
    with pytest.raises(UserError, match=r"no asymmetric scorer was saved there, .* set student\.backbone="):
        plan(*words, *start(saved("dual")))


@pytest.mark.parametrize("kind", ["dual", "late"])
def test_an_asymmetric_scorers_query_tower_may_start_from_another_scorer_which_says_how_queries_are_written(
    plan: Planned, saved: Callable[..., Path], kind: str
) -> None:
    folder = saved(kind, query_length=9, passage_length=12, join="separator")
    words = ("student=asymmetric", "teacher=dual", "loss=aligned", f"student.backbone={folder}", "student.layers=null")
    form = with_forms(plan(*words).named("train").config, {})["student"]
    assert form["query_length"] == 9
    assert not {"passage_length", "join"} & form.keys()


def test_a_tied_role_writes_texts_as_whom_it_reads_through(plan: Planned, saved: Callable[..., Path]) -> None:
    made = plan(*start(saved("dual", query_length=9, query_marker="[Q]", pooling="cls")))
    formed = with_forms(made.named("train").config, {})["teacher"]["late"]
    assert (formed["query_length"], formed["query_marker"], formed["passage_length"]) == (9, "[Q]", 256)
    config = plan("student.query_length=9", "teacher.late.query_length=12").named("train").config
    assert with_forms(config, {})["teacher"]["late"]["query_length"] == 12
    with pytest.raises(UserError, match=r"teacher\.late\.shared=False: in this loss late reads through the encoder of"):
        plan("teacher.late.shared=false")


def test_members_of_an_ensemble_have_the_forms_that_were_saved(saved: Callable[..., Path]) -> None:
    late = {**ENSEMBLE["members"]["late"], "checkpoint": str(saved("late", projection=8, average=False))}
    node = {**ENSEMBLE, "members": {**ENSEMBLE["members"], "late": late}}
    formed = with_forms({"teacher": {"ensemble": node}}, {})["teacher"]["ensemble"]["members"]
    assert (formed["late"]["projection"], formed["late"]["average"]) == (8, False)
    assert formed["cross"]["pooling"] == "mean"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"form": {"pooling": "first"}}, "has pooling=first: give cls or mean or mean_words"),
        ({"form": {"scale": None}}, "has scale=null: give a number"),
        ({"form": {"widht": 8}}, "has widht=8, and no dual scorer has widht"),
        ({"encoders": None}, "scorer.json does not say encoders, so the scorer cannot be opened as it was trained"),
    ],
)
def test_a_record_that_says_what_no_option_could_is_refused(
    plan: Planned, saved: Callable[..., Path], change: dict[str, Any], message: str
) -> None:
    folder = saved("dual")
    record = json.loads((folder / "scorer.json").read_text())
    changed = {**record, **change, "form": {**record["form"], **change.get("form", {})}}
    saved_form = {key: value for key, value in changed.items() if value is not None}
    (folder / "scorer.json").write_text(json.dumps(saved_form))
    with pytest.raises(UserError) as refusal:
        plan(*start(folder))
    assert message in str(refusal.value)


def test_a_head_that_a_record_tells_of_is_there(plan: Planned, saved: Callable[..., Path]) -> None:
    folder = saved("dual", projection=8)
    (folder / "head.safetensors").unlink()
    with pytest.raises(UserError, match=r"says projection=8, and head\.safetensors with its weights is not there"):
        plan(*start(folder))


def test_a_key_sees_the_form_that_a_folder_tells(plan: Planned, saved: Callable[..., Path]) -> None:
    folder = saved("dual")
    before = plan(*start(folder)).named("start").key
    record = (folder / "scorer.json").read_text()
    (folder / "scorer.json").write_text(record.replace('"mean"', '"cls"'))
    assert plan(*start(folder)).named("start").key != before
    (folder / "scorer.json").write_text(record)
    assert plan(*start(folder)).named("start").key == before


def test_layers_that_were_trained_and_are_left_out_are_told(plan: Planned, backbone: Path, tmp_path: Path) -> None:
    deep = write_tiny(tmp_path / "deep", WORDS, layers=6)
    open_scorer({**NODES["dual"], "backbone": str(deep)}, seed=0).save(tmp_path / "whole")
    (note,) = about_layers(plan(f"student.checkpoint={tmp_path / 'whole'}"))
    expected = f"student.layers=[0, 1, 3, 5] keeps 4 of the 6 layers that {tmp_path / 'whole'} was trained with"
    assert note == f"mined, start, train: {expected}"
    assert about_layers(plan(*start(tmp_path / "whole"))) == about_layers(plan(f"student.backbone={deep}")) == []
    (note,) = about_layers(plan(f"student.backbone={deep}", "+at.train.student.layers=null"))
    assert note == "student: student.layers=[0, 1, 3, 5] keeps 4 of the 6 layers that what train makes was trained with"
    with pytest.raises(
        UserError, match=r"student\.layers=\[0, 1, 3, 5\]: what train makes keeps layers \[0, 5\] of 6: set"
    ):
        plan(f"student.backbone={deep}", "+at.train.student.layers=2")


def about_layers(plan: Plan) -> list[str]:
    return [note for note in plan.notes if "was trained with" in note]
