"""The one place where config becomes objects."""

import pytest

from retrieval_kd.app.build import build, targets
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.fault import Fault

BEIR = {"_target_": "retrieval_kd.text.beir.Beir", "path": "somewhere", "drop_same_id": False, "seed": 3}


def test_a_node_becomes_what_it_describes() -> None:
    built = build(BEIR)
    assert isinstance(built, Beir)
    assert built.seed == 3


def test_what_is_given_is_an_argument_too() -> None:
    assert build(BEIR, dev_fraction=0.25).dev_fraction == 0.25


@pytest.mark.parametrize("node", [{"_target_": "os.system", "command": "true"}, {"x": {"_target_": "builtins.eval"}}])
def test_nothing_outside_this_package_and_torchs_optimisers_is_built(node: dict[str, object]) -> None:
    with pytest.raises(Fault, match=r"only targets under retrieval_kd\. and torch\.optim\. are built"):
        build(node)


def test_a_fault_of_the_object_comes_through_as_it_is() -> None:
    with pytest.raises(Fault, match=r"^[^\n]*$"):
        build({**BEIR, "dev_fraction": 2})


def test_targets_are_found_at_any_depth_with_where_they_stand() -> None:
    assert list(targets({"ranker": {"_target_": "a.B", "inner": {"_target_": "a.C"}}})) == [
        ("ranker._target_", "a.B"),
        ("ranker.inner._target_", "a.C"),
    ]
