"""Where the source of a module lies, found without importing anything; and the digest of a module with what it uses."""

import ast
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

from retrieval_kd.errors import UserError
from retrieval_kd.io.digests import FileState, file_digest, file_state


def within(module: str, package: str) -> bool:
    """Whether a module is the package or lies inside it."""
    return module == package or module.startswith(f"{package}.")


def source_file(module: str) -> Path | None:
    """The file that a dotted module is loaded from; None where there is none. No part of the module is imported."""
    spec = spec_of(module)
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def spec_of(module: str) -> ModuleSpec | None:
    """The specification of a module, as `importlib.util.find_spec` gives it, which would import the packages around."""
    names = module.split(".")
    if not all(map(str.isidentifier, names)):
        return None
    spec: ModuleSpec | None = None
    for place in accumulate(names, "{}.{}".format):
        try:
            inside = spec.submodule_search_locations if spec else None
            spec = PathFinder.find_spec(place, list(inside or ())) if spec else find_spec(place)
        except (ImportError, ValueError):  # a module that was made by hand has no specification
            return None
        if spec is None:
            return None
    return spec


def syntax_tree(module: str) -> ast.Module | None:
    """The syntax tree of a module; None where it has no source in Python. Raises UserError for what is no Python."""
    path = source_file(module)
    return None if path is None or path.suffix != ".py" else _parse(path, file_state(path))


@lru_cache(maxsize=1024)
def _parse(path: Path, state: FileState) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{path}:{getattr(error, 'lineno', None) or 1} is no Python ({error.args[0]})") from None


def absolute(line: ast.ImportFrom, module: str) -> str:
    """The module that a line `from … import …` of another module names, relative or not."""
    if not line.level:
        return line.module or ""
    path, names = source_file(module), module.split(".")
    is_package = path is not None and path.name == "__init__.py"
    parent = names[: len(names) - line.level + is_package]
    return ".".join([*parent, *([line.module] if line.module else [])])


def code_digest(module: str) -> str:
    """SHA-256 of the source of a module and of all that it imports, directly or not, of its own top-level package."""
    package, waiting, digests = module.partition(".")[0], [module], dict[str, str]()
    while waiting:
        name = waiting.pop()
        path = source_file(name)
        if name in digests or path is None:
            continue
        digests[name] = file_digest(path)
        waiting += [other for other in _imports(name) if within(other, package)]
    return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()


def _imports(module: str) -> Iterator[str]:
    """The modules that a module imports, wherever it does; of `from a import b` both a.b, if it is one, and a."""
    tree = syntax_tree(module)
    for line in ast.walk(tree) if tree else ():
        if isinstance(line, ast.Import):
            yield from (alias.name for alias in line.names)
        elif isinstance(line, ast.ImportFrom):
            home = absolute(line, module)
            yield from (home, *(f"{home}.{alias.name}" for alias in line.names))
