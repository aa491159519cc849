"""A saved scorer carries its form: every key of every kind, off its default, comes back where nobody says anything."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from retrieval_kd.app.plan.forms import class_of
from retrieval_kd.app.stages.open_scorers import open_all, open_scorer
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.scorers.inference import pair_scores
from retrieval_kd.scorers.scorer import Scorer
from tests.contracts.options import CONF, names, option
from tests.distil.training import Ground
from tests.encoders.families import write_classifier

# another value for every key of a form; a key that is not here fails the first test
OTHER: dict[str, Any] = {
    "shared": False,
    "pooling": "cls",
    "projection": 8,
    "normalize": False,
    "normalize_query": False,
    "normalize_passage": False,
    "over": "words",
    "average": False,
    "scale": 3.0,
    "query_length": 6,
    "passage_length": 9,
    "query_marker": "[Q]",
    "passage_marker": "[D]",
    "pad_queries": True,
    "close": False,
    "attention_layer": 0,
    "label": "1",
    "activation": "sigmoid",
    "projection_bias": False,
    "projection_activation": "tanh",
    "skip": "fox the",
    "attend_padding": False,
    "marker_at": "first",
    "segments": False,
    "join": "separator",
    "head_dropout": 0.25,
}
BESIDE = {  # what makes another key's value act
    "projection_bias": {"projection": 8},
    "projection_activation": {"projection": 8},
    "attend_padding": {"pad_queries": True},
    "marker_at": {"query_marker": "[Q]"},
}
MORE = [("dual", "pooling", "mean_words"), ("cross", "pooling", "pooler"), ("asymmetric", "pooling", "mean_words")]
ALIKE = {"cross": ("attention_layer", "head_dropout")}  # keys of a form that nothing kept of a text depends on
OUTSIDE = {"backbone", "checkpoint", "layers", "dropout", "attention", "word_attention", "passages_of"}  # of a form
UNTIED = "dual_untied"
NODES = {
    **{name: option("scorer", name) for name in names("scorer")},
    **{name: option("student", name) for name in ("asymmetric", UNTIED)},
}
PLAIN = [kind for kind in NODES if kind != UNTIED]  # options that leave their whole form open


def keys(kind: str) -> list[str]:
    return [key for key in class_of(NODES[kind]).FORM if kind != UNTIED or key != "shared"]


def other(kind: str, key: str) -> Any:
    return True if (kind, key) == ("asymmetric", "projection") else OTHER.get(key)


def case(kind: str, key: str, value: Any) -> Any:
    """The untied are dual ones like others: looked at with the slow tests."""
    return pytest.param(kind, key, value, marks=[pytest.mark.slow] if kind == UNTIED else [])


CASES = [case(kind, key, other(kind, key)) for kind in NODES for key in keys(kind)] + [case(*some) for some in MORE]


def texts() -> list[tuple[str, str]]:
    """Pairs with a long query, a long passage, and short ones."""
    passage = "the quick brown fox jumps over the lazy dog and runs far away from here again"
    return [("quick fox", passage), (passage, "fox"), ("dog", "the lazy dog"), ("fox runs away", passage[10:40])]


def scores(scorer: Scorer) -> np.ndarray:
    query, passage = scorer.written("query"), scorer.written("passage")
    assert query is not None
    assert passage is not None
    left = vocabulary(query.folder).ragged([asked for asked, _ in texts()])
    right = vocabulary(passage.folder).ragged([passage_text for _, passage_text in texts()])
    return pair_scores(scorer, left, right, tokens_per_group=200)


def moved(scorer: Scorer) -> Scorer:
    """Every parameter, towers apart, away from where it began."""
    chance = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for value in scorer.parameters():
            value.add_(0.1 * torch.randn(value.shape, generator=chance))
    return scorer


def beside(key: str, ground: Ground) -> dict[str, Any]:
    """What else is told for a key to act."""
    if key != "label":
        return BESIDE.get(key, {})
    folder = ground.backbone.parent / "two_labels"
    classifier = folder if folder.exists() else write_classifier(folder, ground.backbone, "bert", labels=2)
    return {"backbone": str(classifier), "label": "0"}


def node(kind: str, ground: Ground, **values: Any) -> dict[str, Any]:
    values_given = {**NODES[kind], "backbone": str(ground.backbone), **values}
    return {**values_given, "layers": None}


def opened(kind: str, ground: Ground, **values: Any) -> Scorer:
    """A scorer by its option; an asymmetric one over the passages of a dual one that is off its defaults too."""
    if kind != "asymmetric" or "checkpoint" in values:
        return open_scorer(node(kind, ground, **values), seed=0)
    passages = {"pooling": "cls", "normalize": False, "passage_length": 11, "passage_marker": "[D]"}
    teachers = {"dual": node("dual", ground, **passages)}
    return open_all(node(kind, ground, **values), teachers, tied=(), learners={"student", "dual"}, seed=0)["student"]


@pytest.mark.parametrize("kind", PLAIN)
def test_every_key_of_an_option_is_part_of_the_form_or_named_as_none(kind: str) -> None:
    assert set(NODES[kind]) - {"_target_"} - OUTSIDE == set(keys(kind))
    assert set(keys(kind)) <= set(OTHER)
    assert all(class_of(NODES[kind]).FORM[key] != other(kind, key) for key in keys(kind))


@pytest.mark.parametrize("kind", PLAIN)
def test_a_plain_option_leaves_the_form_open_and_names_the_default(kind: str) -> None:
    group = "student" if kind == "asymmetric" else "scorer"
    lines = dict(line.split(":", 1) for line in (CONF / group / f"{kind}.yaml").read_text().splitlines() if ":" in line)
    for key, default in class_of(NODES[kind]).FORM.items():
        value, _, comment = lines[key].partition("#")
        assert value.strip() == "null"
        first = comment.split()[0].rstrip(":;,")
        assert yaml.safe_load(first) == default, f"{kind}.{key}"


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "key", "value"), CASES)
def test_a_scorer_saved_off_its_default_scores_the_same_when_it_is_opened_again(
    ground: Ground, tmp_path: Path, kind: str, key: str, value: Any
) -> None:
    scorer = moved(opened(kind, ground, **{**beside(key, ground), key: value}))
    scorer.save(tmp_path)
    plain = "dual" if kind == UNTIED else kind
    again = opened(plain, ground, checkpoint=str(tmp_path), backbone="/nowhere")
    assert again.form == scorer.form
    assert again.form[key] == value
    np.testing.assert_allclose(scores(again), scores(scorer), rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("key", [key for key in keys("late") if key != "shared"])
def test_a_tied_scorer_off_its_default_too(ground: Ground, tmp_path: Path, key: str) -> None:
    student = node("dual", ground, shared=False, query_length=7, query_marker="[Q]")
    late = node("late", ground, **{**beside(key, ground), key: OTHER[key]})
    both = open_all(student, {"late": late}, tied=("student", "late"), learners={"student", "late"}, seed=0)
    moved(both["student"])
    moved(both["late"].get_submodule("projection"))
    both["student"].save(tmp_path / "student")
    both["late"].save(tmp_path / "late", encoders_in=tmp_path / "student")
    again = opened("late", ground, checkpoint=str(tmp_path / "late"), backbone="/nowhere")
    assert again.form == both["late"].form
    assert again.form["shared"] is False
    writing = {"query_length": 7, "query_marker": "[Q]"}  # left open, they are whose encoder it reads through
    assert {name: again.form[name] for name in writing} == {
        name: OTHER[key] if name == key else theirs for name, theirs in writing.items()
    }
    np.testing.assert_allclose(scores(again), scores(both["late"]), rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "key", "value"), CASES)
def test_what_is_kept_of_texts_is_kept_under_a_digest_that_sees_the_form(
    ground: Ground, kind: str, key: str, value: Any
) -> None:
    given = beside(key, ground)
    plain, other = opened(kind, ground, **given), opened(kind, ground, **{**given, key: value})
    text = "pair" if kind == "cross" else "query"
    same = plain.weights_digest(text) == other.weights_digest(text)
    assert same == (key in ALIKE.get(kind, ("shared", "scale", "average")))


def test_what_an_option_says_is_what_a_scorer_is_opened_as(ground: Ground, tmp_path: Path) -> None:
    opened("dual", ground, pooling="cls", scale=3.0, query_marker="[Q]").save(tmp_path)
    again = opened("dual", ground, checkpoint=str(tmp_path), pooling="mean", query_marker="")
    assert (again.form["pooling"], again.form["scale"], again.form["query_marker"]) == ("mean", 3.0, "")
