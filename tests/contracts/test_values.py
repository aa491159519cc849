"""What is typed for a key is taken as its kind or refused: asked of every key of every option."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from omegaconf import OmegaConf

from retrieval_kd.app.cli.overrides import read
from retrieval_kd.app.cli.schema import FORMS
from retrieval_kd.app.plan import resolved_config, signatures
from retrieval_kd.app.plan.accepts import Accepts, fits, value_problems
from retrieval_kd.app.plan.apply_overrides import apply
from retrieval_kd.app.plan.content_digests import FILES, WEIGHTS
from tests.contracts.options import groups, names, option

EVERY = [(group, name) for group in groups() if group != "scorer" for name in names(group)]
LOOSE = {"dark", "candidates", "sparse", "dense"}  # nodes that are built, or null


def config_of(group: str, name: str) -> dict[str, Any]:
    return {group.partition("/")[0]: option(group, name)}


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of all that is no mapping."""
    for key, value in node.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, dict) and value:
            yield from leaves(value, path)
        elif key != "_target_":
            yield path, value


def kinds(config: dict[str, Any]) -> Iterator[tuple[str, Accepts]]:
    for key, _ in leaves(config):
        accepts = signatures.accepted(config, key)
        assert accepts is not None or key.rpartition(".")[2] in LOOSE or key.startswith("teacher"), key
        if accepts is not None:
            yield key, accepts


@pytest.mark.slow
@pytest.mark.parametrize(("group", "name"), EVERY)
def test_a_key_for_a_text_takes_what_was_typed_and_nothing_else(group: str, name: str) -> None:
    config = config_of(group, name)
    for key, accepts in kinds(config):
        if not accepts.text:
            continue
        for typed in ("2024", "1e5", "007", "true", "nan", "'null'", "x=y"):
            made = OmegaConf.create(config)
            apply(made, read(f"{key}={typed}" if "=" not in typed else f'{key}="{typed}"', ()))
            value = OmegaConf.to_container(made)
            for part in key.split("."):
                value = value[part]
            number = typed == "2024" and "int" in accepts.types  # a label's name or its number
            assert value == (int(typed) if number else typed.strip("'")), key
        wrong: list[Any] = [1e5, True, ["a"], {"a": "b"}, "", " "]
        wrong += ([] if accepts.null else [None]) + ([] if "int" in accepts.types else [2024])
        for value in (one for one in wrong if one not in accepts.literals):
            assert list(value_problems(value, accepts, key)), (key, value)


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_a_key_for_a_number_takes_no_other_kind(group: str, name: str) -> None:
    for key, accepts in kinds(config_of(group, name)):
        if accepts.types & {"int", "float"}:
            wrong = ["", True, float("nan"), float("inf"), {"a": 1}, *([] if accepts.text else ["ten"])]
            wrong += [] if "float" in accepts.types else [1000.0, 100.0]
            for value in wrong:
                assert list(value_problems(value, accepts, key)), (key, value)


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_a_key_for_a_list_takes_items_of_its_kind(group: str, name: str) -> None:
    for key, accepts in kinds(config_of(group, name)):
        if accepts.types & {"Sequence", "list", "tuple"}:
            assert accepts.items is not None, key
            nested = bool(accepts.items.types & {"Sequence", "list", "tuple"})
            wrong: list[Any] = ["one", [True], [None], [[2024]] if nested else [["a"]]]
            wrong += [[2024]] if accepts.items.text else [["a"]]
            for value in wrong:
                assert list(value_problems(value, accepts, key)), (key, value)


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_a_home_folder_is_expanded_wherever_a_key_names_a_file_or_weights(group: str, name: str) -> None:
    for key, _ in leaves(config_of(group, name)):
        last = key.rpartition(".")[2]
        if last in (*FILES, *WEIGHTS):
            made = OmegaConf.create({"student": {"_target_": ""}, **config_of(group, name)})
            OmegaConf.update(made, key, "~/there")
            value: Any = resolved_config.resolved(made)
            for part in key.split("."):
                value = value[part]
            assert value == os.path.expanduser("~/there"), key


@pytest.mark.parametrize("group", FORMS)
def test_groups_that_nothing_is_built_from_hold_the_keys_that_are_known(group: str) -> None:
    for name in names(group):
        node = option(group, name)
        assert list(signatures.problems(node, group)) == []
        assert set(node) == set(signatures.parameters(FORMS[group]) or ())


def test_literals_are_of_the_kind_that_they_are() -> None:
    accepts = Accepts(frozenset(), (1, "a"))
    assert fits(1, accepts)
    assert not fits(True, accepts)
    assert not fits(1.0, accepts)
