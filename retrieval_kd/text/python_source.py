"""Docstrings of Python packages, found and parsed without importing anything."""

import ast
import importlib.metadata
import importlib.util
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from retrieval_kd.errors import UserError

STDLIB = "stdlib"
TESTS = {"test", "tests", "idle_test", "conftest.py"}
APPLICATIONS = {"idlelib"}  # IDLE: no library, and many systems package it apart
VENDORED = {
    "_vendor",
    "vendor",
    "vendored",
    "_vendored",
    "_vendored_packages",
    "third_party",
    "_bundled",
    "extern",
    "externals",
}
INSTALLED = {"site-packages", "dist-packages", "__pycache__"}
DEFINITIONS = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
STATEMENTS = ast.stmt | ast.ExceptHandler | ast.match_case


class Docstring(NamedTuple):
    """A cleaned docstring under its dotted name."""

    name: str
    text: str


class SourceFile(NamedTuple):
    """A module's file and its dotted name."""

    path: Path
    module: str


def source_files(packages: Sequence[str]) -> list[SourceFile]:
    """All Python files of the packages, sorted by module; "stdlib" is the standard library.

    Left out: tests, vendored folders, site-packages. Raises UserError for a package that is not installed, is not
    top-level or holds no Python source.
    """
    files = []
    for package in packages:
        roots = _stdlib() if package == STDLIB else _roots(package)
        package_files = [file for root, module in roots for file in _files_below(root, module)]
        if not package_files:
            raise UserError(f"the package {package!r} holds no Python source; give packages written in Python")
        files += package_files
    return sorted({file.module: file for file in files}.values(), key=lambda file: file.module)


def version_of(package: str) -> str:
    """The installed version, or "unknown" where the package's distribution has another name."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def docstrings_of(file: SourceFile) -> list[Docstring]:
    """The docstrings of a file in order; several definitions may have one name.

    Raises SyntaxError where this Python cannot parse the file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes in other people's strings
        tree = ast.parse(file.path.read_bytes())
    return list(_docstrings(tree, file.module))


def distinct(docstrings: Iterable[Docstring]) -> list[Docstring]:
    """The docstrings with a name of their own: the second of a name is called name~2."""
    times: Counter[str] = Counter()
    renamed = []
    for docstring in docstrings:
        times[docstring.name] += 1
        nth = times[docstring.name]
        renamed.append(docstring if nth == 1 else docstring._replace(name=f"{docstring.name}~{nth}"))
    return renamed


def _stdlib() -> list[tuple[Path, str]]:
    """(folder or file, module name) of all that lies in the standard library's folder."""
    folder = Path(sysconfig.get_path("stdlib"))
    return [(path, path.stem) for path in sorted(folder.iterdir()) if _belongs(path, but=APPLICATIONS)]


def _roots(package: str) -> list[tuple[Path, str]]:
    """(folder or file, module name) of an installed package; finding a top-level package's spec imports nothing."""
    if not package.isidentifier():
        raise UserError(
            f"corpus.packages names {package!r}; give top-level packages as one imports them, such as torch"
        )
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise UserError(f"corpus.packages names {package!r}, which is not installed; install it or take it out")
    places = spec.submodule_search_locations or [spec.origin or "built in"]
    return [(Path(place), package) for place in places]


def _files_below(root: Path, module: str) -> Iterator[SourceFile]:
    """The Python files of a folder, or the one file."""
    if root.suffix == ".py":
        yield SourceFile(root, module)
    elif root.is_dir():
        for path in sorted(root.iterdir()):
            if path.name == "__init__.py":
                yield SourceFile(path, module)
            elif _belongs(path):
                yield from _files_below(path, f"{module}.{path.stem}")


def _belongs(path: Path, *, but: Set[str] = frozenset()) -> bool:
    """Whether a file or folder is neither test nor vendored nor installed, and can be a module."""
    left_out = path.name in TESTS | VENDORED | INSTALLED | but or path.name.startswith("test_")
    return not left_out and (path.suffix == ".py" or (path.name.isidentifier() and path.is_dir()))


def _docstrings(node: ast.AST, name: str) -> Iterator[Docstring]:
    """The docstrings of a module, class or function and of all that is defined in its statements."""
    if isinstance(node, ast.Module | DEFINITIONS):
        text = ast.get_docstring(node, clean=True)
        if text and text.strip():
            yield Docstring(name, text)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, STATEMENTS):
            yield from _docstrings(child, f"{name}.{child.name}" if isinstance(child, DEFINITIONS) else name)
