"""What every option promises, asked of all files in conf/ as they come: a form spells every argument of its target."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from retrieval_kd.app.plan import signatures
from tests.contracts.options import CONF, every_form, file_of, groups, names

# arguments that stand in no option file, since only who builds the object knows them (ranking's sign names its own)
GIVEN = {"scorers": {"towers", "passages"}, "ranking": {"scorer", "artifacts", "tokens_per_group", "scratch", "named"}}
VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def targets() -> list[Any]:
    return [pytest.param(form, id=where) for where, form in every_form()]


def signature(target: str) -> set[str]:
    module, _, name = target.rpartition(".")
    arguments = inspect.signature(getattr(importlib.import_module(module), name)).parameters.values()
    return {argument.name for argument in arguments if argument.kind not in VARIABLE}


def given(target: str) -> set[str]:
    return GIVEN.get(target.split(".")[1], set())


@pytest.mark.parametrize("form", targets())
def test_a_form_spells_every_argument_of_its_target_and_no_other(form: Mapping[str, Any]) -> None:
    assert set(form) - {"_target_"} == signature(form["_target_"]) - given(form["_target_"])


@pytest.mark.parametrize("form", targets())
def test_a_signature_read_from_the_source_is_the_one_that_python_sees(form: Mapping[str, Any]) -> None:
    assert set(signatures.parameters(form["_target_"]) or ()) == signature(form["_target_"])


@pytest.mark.parametrize("form", targets())
def test_the_values_of_a_form_fit_the_arguments_that_they_are_for(form: Mapping[str, Any]) -> None:
    assert list(signatures.problems(form, "option")) == []


@pytest.mark.parametrize(("group", "name"), [(group, name) for group in groups() for name in names(group)])
def test_an_option_begins_with_a_comment(group: str, name: str) -> None:
    assert file_of(group, name).read_text(encoding="utf-8").startswith("# ")


def test_terms_and_teachers_are_mappings() -> None:
    files = [path for group in ("loss", "teacher") for path in (CONF / group).rglob("*.yaml")]
    assert all(isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict) for path in files)
    losses = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (CONF / "loss").rglob("*.yaml")]
    assert all(isinstance(loss.get("terms", {}), dict) for loss in losses)
