"""Each room has its sign and keeps to what it says; the rest of what import-linter cannot see."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import CHECKED, PACKAGE, ROOMS, ROOT, called, imported, label, modules, parsed


def test_the_rooms_are_those_of_the_plan() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ROOMS)


def test_every_folder_of_code_is_a_package() -> None:
    assert [label(path) for path in modules() if not (path.parent / "__init__.py").exists()] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_a_sign_that_imports_nothing(room: str) -> None:
    tree = parsed(PACKAGE / room / "__init__.py")
    sign = ast.get_docstring(tree)
    assert sign is not None
    assert len(sign.split()) >= 15, "say what lives here, what may not, and how to add one"
    assert len(tree.body) == 1, "a sign is a docstring and nothing else"


def test_the_import_contracts_hold() -> None:
    environment = {**os.environ, "COLUMNS": "200"}
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_only_distil_speaks_to_other_ranks() -> None:
    elsewhere = modules(*(room for room in ROOMS if room != "distil"))
    names = {label(path): imported(parsed(path)) | called(parsed(path)) for path in elsewhere}
    assert [path for path, used in names.items() if any(name.startswith("torch.distributed") for name in used)] == []


def test_nothing_is_asked_whether_it_has_an_attribute() -> None:
    assert [label(path) for path in modules() if "hasattr" in called(parsed(path))] == []


def test_no_class_is_a_mixin() -> None:
    classes = [node for path in modules() for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)]
    assert [node.name for node in classes if "Mixin" in node.name] == []


def test_annotations_are_objects_where_shapes_are_checked() -> None:
    strings = [label(path) for path in modules(*CHECKED) if "__future__.annotations" in imported(parsed(path))]
    assert strings == [], "jaxtyping and beartype need to see the annotations themselves"
    itself = [label(path) for path in modules(*CHECKED) if "typing.Self" in imported(parsed(path))]
    assert itself == [], "methods are checked one by one, where Self means nothing: name the class, in quotes"


def test_config_becomes_objects_in_one_place() -> None:
    makers = {label(path) for path in modules() if any(name.endswith("instantiate") for name in called(parsed(path)))}
    assert makers <= {"retrieval_kd/app/plan/instantiate.py"}


def test_no_method_has_its_name_in_a_room_that_all_of_them_share() -> None:
    named = re.compile(r"TCT|\bADAM\b|\bLEAD\b|MD2PR|\bPROD\b|CL-?DRD|ERNIE|EmbedDistill|margin.?mse", re.IGNORECASE)
    for_words = {"adam", "lead", "prod"}  # lower-case words that mean something else
    shared = modules("distil", "batch", "scorers", "encoders")
    named_in = [(label(path), name) for path in shared for name in named.findall(path.read_text(encoding="utf-8"))]
    assert [(path, name) for path, name in named_in if name not in for_words] == []
