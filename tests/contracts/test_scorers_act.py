"""Every option of a scorer: flipped beside every other one, it changes what is seen of it, or is named as unread."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.errors import InstantiationException
from torch import Tensor

from retrieval_kd.app.check.form_options import form_option_problems
from retrieval_kd.app.check.scorers import scorer_problems
from retrieval_kd.app.check.unread_options import declared_unread
from retrieval_kd.app.plan.forms import class_of
from retrieval_kd.app.plan.signatures import parameters
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.view import View, Want
from tests.contracts.flips import flipped
from tests.contracts.options import option
from tests.distil import training
from tests.distil.training import Ground

pytestmark = pytest.mark.slow

Node = dict[str, Any]
Seen = dict[str, list[Tensor]]
NODES = {
    **{kind: option("scorer", kind) for kind in ("dual", "late", "cross")},
    "asymmetric": option("student", "asymmetric"),
}
FAR = {  # of what is seen of one scorer
    "backbone": "other weights: tests/scorers",
    "checkpoint": "other weights: tests/contracts/test_forms.py",
    "passages_of": "another role: tests/scorers/test_asymmetric.py",
    "label": "needs a classifier: tests/scorers/test_classifiers.py",
    "join": "the planted collection has no titles: tests/contracts/test_forms.py",
    "attention": "the same numbers up to rounding: tests/scorers",
    "word_attention": "the same numbers up to rounding: tests/scorers",
}
BASE = {"dropout": 0.2, "word_attention": True, "layers": None, "query_length": 12, "passage_length": 8}
OTHER = {"query_length": 5, "passage_length": 6, "layers": 1, "projection": 8}  # queries have 7 tokens, passages 10


def base(kind: str, ground: Ground) -> Node:
    node = {**NODES[kind], "backbone": str(ground.backbone)}
    return {**node, **{key: value for key, value in BASE.items() if key in node}}


def flips(kind: str, node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(key, another value) of a scorer's option; what it leaves open is as its form is by default."""
    known, form = parameters(str(node["_target_"])) or {}, class_of(node).FORM
    for key, value in node.items():
        if key not in FAR and key != "_target_":
            default = form.get(key) if value is None else value
            values = [OTHER[key]] if key in OTHER and default is not False else flipped(default, known[key])
            yield from ((key, other) for other in values if other is not None)


def opened(kind: str, node: Node, ground: Ground) -> Distiller:
    teachers = {"dual": {**base("dual", ground), "dropout": 0.0}} if kind == "asymmetric" else {}
    return training.distiller("contrastive_list", node, teachers)


def seen(kind: str, node: Node, ground: Ground, folder: Path) -> Seen:
    """Each feature of its view of a step, read as in training and without dropout."""
    made = opened(kind, node, ground)
    batch = training.batch(ground, made, folder, negatives=2)
    offers = made.scorer("student").offers
    wants = frozenset(Want(name, 0 if name.endswith("layers") else None) for name in offers)  # type: ignore[arg-type]
    with torch.no_grad():
        view = made.eval().look(batch, {"student": wants})["student"]
        tensors_by_feature = {name: tensors(view, name) for name in offers}
        tensors_by_feature["scores in training"] = tensors(
            made.train().look(batch, {"student": wants})["student"], "scores"
        )
    return tensors_by_feature


def tensors(view: View, name: str) -> list[Tensor]:
    value = getattr(view, name)
    return [value] if isinstance(value, Tensor) else list(value.values())


def changed(one: Seen, other: Seen) -> set[str]:
    """The features that differ beyond rounding."""
    return {
        name
        for name, values in one.items()
        if any(
            left.shape != right.shape or not torch.allclose(left, right, rtol=1e-4, atol=1e-5, equal_nan=True)
            for left, right in zip(values, other[name], strict=True)
        )
    }


def refused(node: Node) -> bool:
    """Whether a plan refuses the scorer."""
    form = {**class_of(node).FORM, **{key: node[key] for key in class_of(node).FORM if node[key] is not None}}
    whole = {**node, **form}
    return any(
        True for _ in (*form_option_problems("student", node, form, None), *scorer_problems({"student": whole}, {}))
    )


def named(node: Node, key: str) -> bool:
    """Whether the scorer's class says that the key has no effect there."""
    form = class_of(node).FORM
    whole = {**node, **{name: form[name] for name in form if node[name] is None}}
    return f"student.{key}" in {name for name, _ in declared_unread({"student": whole}, f"student.{key}")}


def looked(kind: str, node: Node, ground: Ground, folder: Path) -> Seen | None:
    try:
        return None if refused(node) else seen(kind, node, ground, folder)
    except (UserError, InstantiationException):
        return None


@pytest.mark.parametrize("kind", NODES)
def test_every_option_of_a_scorer_changes_what_is_seen_of_it_beside_every_other_one(
    kind: str, ground: Ground, tmp_path: Path
) -> None:
    plain = base(kind, ground)
    word = ground.corpus.collection.at(0).words.split()[0]
    some = [(key, word if key == "skip" else other) for key, other in flips(kind, plain) if other != "punctuation"]
    alone = {(key, str(other)): looked(kind, {**plain, key: other}, ground, tmp_path) for key, other in some}
    before = seen(kind, plain, ground, tmp_path)
    silent = [
        f"{key}={other}"
        for key, other in some
        if (plainly := alone[key, str(other)])
        and not changed(before, plainly)
        and not named({**plain, key: other}, key)
    ]
    every = dict(some)  # one value of each key
    turns = [key for key, other in every.items() if isinstance(other, bool) or key == "projection"]
    for place, (key, other) in enumerate(every.items()):
        for beside, value in [(name, every[name]) for name in turns if name not in list(every)[place:]]:
            node = {**plain, key: other, beside: value}
            both = looked(kind, node, ground, tmp_path)
            for one, rest in ((key, alone[beside, str(value)]), (beside, alone[key, str(other)])):
                if both and rest and not changed(rest, both) and not named(node, one):
                    silent.append(f"{one}={node[one]} beside {beside if one == key else key}")
    assert not silent
