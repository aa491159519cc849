"""An option file is a form: it spells every argument of its target, and no other."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from retrieval_kd.app.cli.conf_folder import conf_folder
from retrieval_kd.app.cli.schema import GROUPS
from retrieval_kd.app.plan import signatures
from retrieval_kd.app.plan.options import Options

GIVEN = {
    "scorer",
    "artifacts",
    "tokens_per_group",
    "scratch",
    "named",
    "towers",
    "passages",
}  # by the code that builds, as no config can hold them
FORMS = sorted(
    f"{path.parent.name}={path.stem}"
    for group in (*GROUPS, "tracking")
    for path in (conf_folder() / group).glob("*.yaml")
)


def nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield node
        for inner in node.values():
            yield from nodes(inner)


@pytest.mark.slow
@pytest.mark.parametrize("choice", FORMS)
def test_a_form_spells_every_argument_of_its_targets(options: Options, choice: str) -> None:
    group = choice.partition("=")[0]
    config = OmegaConf.to_container(options.compose([choice])[group], resolve=False)
    for node in nodes(config):
        known = signatures.parameters(node["_target_"])
        assert known is not None, node["_target_"]
        assert set(node) - {"_target_", *GIVEN} == set(known) - GIVEN
    assert list(signatures.problems(config, group)) == []


@pytest.mark.parametrize(
    "path", sorted(conf_folder().rglob("*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_an_option_file_begins_by_saying_what_it_is(path: Any) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# @package")]
    assert lines[0].startswith("# ")
    assert yaml.safe_load(path.read_text(encoding="utf-8")) is not None


@pytest.mark.parametrize(
    ("annotation", "value", "fits"),
    [
        ("int", 3, True),
        ("int", True, False),
        ("int", 3.5, False),
        ("float", 3, True),
        ("float | None", None, True),
        ("str", None, False),
        ("str", "${artifact:train}", True),
        ("Literal['mean', 'cls']", "max", False),
        ("Literal['mean', 'cls']", "cls", True),
        ("int | list[int] | None", [0, 5], True),
        ("int | list[int] | None", "two", False),
        ("Tensor", "anything", True),
    ],
)
def test_a_value_is_held_against_what_its_annotation_says_plainly(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, annotation: str, value: object, fits: bool
) -> None:
    module = f"form_{abs(hash(annotation))}"
    (tmp_path / f"{module}.py").write_text(f"class Thing:\n    def __init__(self, *, x: {annotation}) -> None: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    problems = list(signatures.problems({"_target_": f"{module}.Thing", "x": value}, "thing"))
    assert (problems == []) is fits
