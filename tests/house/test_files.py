"""What the checkout holds, and what no file in it says."""

import re
from pathlib import Path

import yaml

from tests.house.tree import ROOT, kept_files

TOP = {
    "LICENSE",
    "Makefile",
    "README.md",
    "conf",
    "experiments",
    "pyproject.toml",
    "retrieval_kd",
    "tests",
    "train.py",
}
NO_RECIPES = {"speed", "decisions", "guides", "reliability"}
# someone's folder, or the host of a package index: neither is true on the next machine
ELSEWHERE = re.compile(r"(?<![\w.~-])/(?:root|home|Users|work|mnt|opt|srv)/\w|pythonhosted|pypi\.org|npmjs")
POSTPONED = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|X" + r"XX)\b")
BOOLEAN_WORDS = {"on", "off", "yes", "no", "y", "n"}


def content(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def option_files() -> list[str]:
    return [name for name in kept_files() if name.startswith("conf/") and name.endswith(".yaml")]


def scalars(node: yaml.Node) -> list[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        return [node]
    if isinstance(node, yaml.MappingNode):
        return [leaf for pair in node.value for child in pair for leaf in scalars(child)]
    return [leaf for child in node.value for leaf in scalars(child)]


def test_the_top_level_holds_the_fixed_entries_and_hidden_ones() -> None:
    assert {Path(name).parts[0] for name in kept_files() if not name.startswith(".")} <= TOP


def test_ci_holds_its_script_and_the_pins() -> None:
    assert {name for name in kept_files() if name.startswith(".ci/")} == {".ci/run", ".ci/constraints.txt"}


def test_no_file_names_a_place_of_one_machine() -> None:
    lines = [(name, line) for name in kept_files() for line in content(name).splitlines() if ELSEWHERE.search(line)]
    assert [(name, line) for name, line in lines if "ELSEWHERE = " not in line] == []


def test_no_file_postpones_anything() -> None:
    assert [name for name in kept_files() if POSTPONED.search(content(name))] == []


def test_no_option_is_a_word_that_yaml_reads_as_a_boolean() -> None:
    assert [name for name in option_files() if Path(name).stem in BOOLEAN_WORDS] == []
    roots = {name: yaml.compose(content(name)) for name in option_files()}
    plain = [(name, leaf) for name, root in roots.items() if root for leaf in scalars(root) if leaf.style is None]
    assert [(name, leaf.value) for name, leaf in plain if leaf.value.lower() in BOOLEAN_WORDS] == []


def test_recipes_and_their_records_are_paired_one_to_one() -> None:
    recipes = {Path(name).stem for name in option_files() if re.fullmatch(r"conf/experiment/[^/]+\.yaml", name)}
    folders = {Path(name).parts[1] for name in kept_files() if re.match(r"experiments/[^/]+/", name)} - NO_RECIPES
    assert recipes == folders
    assert {name for name in recipes if f"experiments/{name}/README.md" not in kept_files()} == set()


def test_no_tracked_file_is_large() -> None:
    assert {name for name in kept_files() if (ROOT / name).stat().st_size > 1_000_000} == set()
