"""Small files, small functions, a short way in."""

import ast
from pathlib import Path

from tests.house.tree import PACKAGE, ROOT, kept_files, label, lines, modules, parsed

FILE_LINES = 250
FUNCTION_LINES = 50
READING_ORDER = (
    "retrieval_kd/losses/listwise_kl.py",
    "retrieval_kd/scorers/view.py",
    "retrieval_kd/losses/objective.py",
    "retrieval_kd/distil/distiller.py",
    "conf/experiment/tct_colbert.yaml",
)
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff", "core", "base"}


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None and first.end_lineno is not None
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


def test_a_file_of_the_package_has_at_most_250_lines() -> None:
    assert {label(path): lines(path) for path in modules() if lines(path) > FILE_LINES} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    every = [(label(path), function) for path in modules() for function in functions(path)]
    assert [(name, function.name) for name, function in every if length(function) > FUNCTION_LINES] == []


def test_most_functions_fit_in_twelve_lines() -> None:
    lengths = [length(function) for path in modules() for function in functions(path)]
    assert sum(size <= 12 for size in lengths) >= 0.7 * len(lengths)


def test_train_py_has_at_most_30_lines() -> None:
    assert lines(ROOT / "train.py") <= 30


def test_the_reading_order_for_a_newcomer_is_under_400_lines_together() -> None:
    assert sum(lines(ROOT / name) for name in READING_ORDER) < 400


def test_no_file_has_a_name_that_says_nothing() -> None:
    python = [Path(name) for name in kept_files() if name.endswith(".py")]
    assert [str(path) for path in python if NAMES_THAT_SAY_NOTHING & {path.stem, path.parent.name}] == []


def test_the_length_of_a_function_leaves_its_docstring_out() -> None:
    tree = ast.parse('def three(x):\n    """One.\n\n    Two.\n    """\n    y = x\n    return y\n')
    assert length(tree.body[0]) == 3


def test_the_package_is_found() -> None:
    assert PACKAGE / "__init__.py" in modules()
