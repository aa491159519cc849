"""Docstrings found in source files, and nothing imported."""

import sys
from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.python_source import Docstring, SourceFile, distinct, docstrings_of, source_files, version_of

SOURCE = '''
"""Module."""
import explosives_that_nobody_has

class A:
    """Class.

        Indented.
    """

    if True:
        def method(self):
            """Method."""
            async def inner():
                """Inner."""
            with open("x"):
                def below(): "Below."
    def plain(self):
        return "no docstring"

try:
    def a(): "First."
except* ValueError:
    def a(): "Second."
match 1:
    case 1:
        def a(): """  """
        class B: "Escaped \\d."
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with a module of every kind."""
    root = tmp_path / "some_package"
    for name in (
        "__init__.py",
        "module.py",
        "deep/__init__.py",
        "deep/er.py",
        "tests/test_x.py",
        "deep/test_y.py",
        "conftest.py",
        "_vendor/z.py",
        "no-module/w.py",
        "data.txt",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("raise SystemExit('imported')")
    (tmp_path / "single.py").write_text("'One.'")
    monkeypatch.syspath_prepend(tmp_path)
    return root


def test_every_definition_in_a_statement_is_found(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(SOURCE)
    assert docstrings_of(SourceFile(tmp_path / "m.py", "m")) == [
        Docstring("m", "Module."),
        Docstring("m.A", "Class.\n\nIndented."),
        Docstring("m.A.method", "Method."),
        Docstring("m.A.method.inner", "Inner."),
        Docstring("m.A.method.below", "Below."),
        Docstring("m.a", "First."),
        Docstring("m.a", "Second."),
        Docstring("m.B", "Escaped \\d."),
    ]


def test_the_second_of_a_name_gets_a_name_of_its_own() -> None:
    renamed = distinct([Docstring("a", "1"), Docstring("b", "2"), Docstring("a", "3"), Docstring("a", "4")])
    assert [docstring.name for docstring in renamed] == ["a", "b", "a~2", "a~3"]


def test_tests_and_vendored_folders_are_left_out_and_nothing_is_imported(package: Path) -> None:
    paths = {file.module: file.path.relative_to(package).as_posix() for file in source_files(["some_package"])}
    assert paths == {
        "some_package": "__init__.py",
        "some_package.deep": "deep/__init__.py",
        "some_package.deep.er": "deep/er.py",
        "some_package.module": "module.py",
    }
    assert "some_package" not in sys.modules


def test_a_package_may_be_one_file(package: Path) -> None:
    assert [file.module for file in source_files(["single"])] == ["single"]


def test_the_standard_library_comes_without_tests_and_what_is_installed_beside_it() -> None:
    modules = {file.module for file in source_files(["stdlib"])}
    assert {"json.decoder", "os", "collections", "asyncio.events", "unittest.case", "doctest"} <= modules
    roots = {module.split(".")[0] for module in modules}
    assert roots & {"test", "idlelib", "site-packages", "pytest", "numpy"} == set()
    assert {part for module in modules for part in module.split(".")} & {"tests", "idle_test", "_vendor"} == set()


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("no_such_package", "names 'no_such_package', which is not installed; install it or take it out"),
        ("scikit-learn", "names 'scikit-learn'; give top-level packages as one imports them"),
        ("os.path", "names 'os.path'; give top-level packages"),
        ("sys", "'sys' holds no Python source"),
    ],
)
def test_what_is_no_package_with_source_is_refused(package: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        source_files(["stdlib", package])


def test_versions_are_those_installed() -> None:
    assert version_of("numpy")[0].isdigit()
    assert version_of("no_such_package") == "unknown"
