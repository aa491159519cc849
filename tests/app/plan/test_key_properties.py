"""A key depends on every value of a config, and on nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import Stage, keyed, keyed_part

FEW = settings(
    max_examples=30, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def stage(plan: Callable[..., Plan]) -> Stage:
    """A train stage that reads no artifact."""
    return plan("experiment=distil", "teacher=none", "loss=contrastive", "data=in_batch", "data.candidates=null").named(
        "train"
    )


def _key(stage: Stage, config: dict[str, Any]) -> str:
    stages, problems = keyed([replace(stage, config=config)])
    assert problems == []
    return stages[0].key


def _paths(node: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(node, dict) and node:
        return [path for key, value in node.items() for path in _paths(value, (*at, key))]
    return [at]


def _with(node: Any, path: tuple[str, ...], change: Callable[[Any], Any]) -> Any:
    return {**node, path[0]: _with(node[path[0]], path[1:], change)} if path else change(node)


def _turned(node: Any, order: Callable[[list[str]], list[str]]) -> Any:
    return {key: _turned(node[key], order) for key in order(list(node))} if isinstance(node, dict) else node


@given(data=some.data())
@FEW
def test_the_order_of_keys_is_no_part_of_a_key(stage: Stage, data: some.DataObject) -> None:
    turned = _turned(stage.config, lambda keys: data.draw(some.permutations(keys)))
    assert _key(stage, turned) == _key(stage, stage.config)


@given(data=some.data())
@FEW
def test_another_value_anywhere_gives_another_key(stage: Stage, data: some.DataObject) -> None:
    read = {name: node for name, node in keyed_part(stage.config).items() if name != "corpus"}
    paths = [path for path in _paths(read) if path[-1] not in ("_target_", "backbone", "checkpoint", "candidates")]
    path = data.draw(some.sampled_from(paths))
    changed = _with(stage.config, path, lambda value: f"{value} changed")
    assert _key(stage, changed) != _key(stage, stage.config)
