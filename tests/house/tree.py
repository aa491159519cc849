"""The checkout as the house tests see it: its tracked files, its modules, their syntax trees."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "retrieval_kd"
ROOMS = ("io", "text", "measures", "batch", "encoders", "scorers", "losses", "curricula", "ranking", "distil", "app")
CHECKED = ("batch", "encoders", "scorers", "losses", "curricula", "distil")  # arrays checked against annotations


@cache
def kept_files() -> tuple[str, ...]:
    """Paths, relative to the root, of all files that are tracked or would be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(sorted(name for name in names if name and (ROOT / name).is_file()))


def modules(*rooms: str) -> list[Path]:
    """The Python files of some rooms, or of the whole package."""
    folders = [PACKAGE / room for room in rooms] or [PACKAGE]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def label(path: Path) -> str:
    """A file as a test's id."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=label(path))


def lines(path: Path) -> int:
    """How many lines a file has."""
    return len(path.read_text(encoding="utf-8").splitlines())


def imported(tree: ast.AST) -> set[str]:
    """Every dotted name that a tree imports, a from-import once with and once without the name taken."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def called(tree: ast.AST) -> set[str]:
    """The dotted name of everything that a tree calls."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
