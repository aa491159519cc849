"""The arguments of a `_target_`, read from its source: a form is checked without importing what it builds."""

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from retrieval_kd.app.suggest import did_you_mean

_PLAIN: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}
_LISTS, _MAPPINGS = ("list", "tuple", "Sequence"), ("dict", "Mapping")
_SAID = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}


class Accepts(NamedTuple):
    """What an annotation says plainly: names of plain types, literal values, and whether null is one."""

    types: frozenset[str]
    literals: tuple[Any, ...] = ()
    null: bool = False

    def __str__(self) -> str:
        said = [*map(str, self.literals), *(_SAID.get(name, f"a {name.lower()}") for name in sorted(self.types))]
        return " or ".join([*said, *(["null"] if self.null else [])])


Parameters = dict[str, Accepts | None]


def faults(node: Any, where: str) -> Iterator[str]:
    """What in a node, and in all nodes inside it, does not fit the signature of its target."""
    if not isinstance(node, Mapping):
        return
    target = str(node["_target_"]) if "_target_" in node else None
    known = parameters(target) if target else None
    if target and known is None:
        yield f"{where}._target_={target}: there is no such class"
    for key, value in node.items():
        path, accepts = f"{where}.{key}", (known or {}).get(key)
        if target and known is not None and key not in known and key != "_target_":
            yield f"{path}: {target.rpartition('.')[2]} has no argument {key}{did_you_mean(str(key), known)}"
        elif accepts is not None and not fits(value, accepts):
            yield f"{path}={value}: give {accepts}"
        yield from faults(value, path)


def fits(value: Any, accepts: Accepts) -> bool:
    """Whether a config's value is of a plain type that is accepted; what is still to be given or made fits."""
    if value is None:
        return accepts.null
    if isinstance(value, str) and ("${" in value or value == "???"):
        return True
    return value in accepts.literals or any(_is(value, name) for name in accepts.types)


def _is(value: Any, name: str) -> bool:
    if name in _LISTS:
        return isinstance(value, list)
    if name in _MAPPINGS:
        return isinstance(value, Mapping)
    return isinstance(value, _PLAIN[name]) and (name == "bool" or not isinstance(value, bool))


@lru_cache
def parameters(target: str) -> Parameters | None:
    """Argument -> what it accepts (None: not told plainly) of the class that `target` names; None if there is none."""
    module, _, name = target.rpartition(".")
    tree = _source(module)
    found = _class(tree, name) if tree else None
    return _arguments(found, tree) if found and tree else None


@lru_cache
def _source(module: str) -> ast.Module | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ModuleNotFoundError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _class(tree: ast.Module, name: str) -> ast.ClassDef | None:
    return next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)


def _arguments(found: ast.ClassDef, tree: ast.Module) -> Parameters:
    """Of `__init__`; else those of the bases, and of a dataclass its fields."""
    for line in found.body:
        if isinstance(line, ast.FunctionDef) and line.name == "__init__":
            listed = (*line.args.args[1:], *line.args.kwonlyargs)
            return {argument.arg: _accepts(argument.annotation, tree) for argument in listed}
    inherited: Parameters = {}
    for base in found.bases:
        inherited |= _of_base(base, tree)
    is_dataclass = any("dataclass" in ast.unparse(decorator) for decorator in found.decorator_list)
    return inherited | (dict(_fields(found, tree)) if is_dataclass else {})


def _fields(found: ast.ClassDef, tree: ast.Module) -> Iterator[tuple[str, Accepts | None]]:
    for line in found.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            if "ClassVar" not in ast.unparse(line.annotation):
                yield line.target.id, _accepts(line.annotation, tree)


def _of_base(base: ast.expr, tree: ast.Module) -> Parameters:
    name = base.id if isinstance(base, ast.Name) else ""
    if here := _class(tree, name):
        return _arguments(here, tree)
    home = _imported_from(name, tree)
    return dict(parameters(f"{home}.{name}") or {}) if home else {}


def _imported_from(name: str, tree: ast.Module) -> str | None:
    """The module of this package that a name is imported from."""
    for line in tree.body:
        if isinstance(line, ast.ImportFrom) and (line.module or "").startswith("retrieval_kd"):
            if any((alias.asname or alias.name) == name for alias in line.names):
                return line.module
    return None


def _accepts(annotation: ast.expr | None, tree: ast.Module) -> Accepts | None:
    """What an annotation says, aliases followed; None where it says more than plain types and literals."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        left, right = _accepts(annotation.left, tree), _accepts(annotation.right, tree)
        if left is None or right is None:
            return None
        return Accepts(left.types | right.types, (*left.literals, *right.literals), left.null or right.null)
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return Accepts(frozenset(), null=True)
    if isinstance(annotation, ast.Subscript):
        return _generic(annotation)
    if not isinstance(annotation, ast.Name):
        return None
    return Accepts(frozenset({annotation.id})) if annotation.id in _PLAIN else _alias(annotation.id, tree)


def _generic(annotation: ast.Subscript) -> Accepts | None:
    name = annotation.value.id if isinstance(annotation.value, ast.Name) else ""
    if name == "Literal":
        inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        return Accepts(frozenset(), tuple(ast.literal_eval(node) for node in inner))
    return Accepts(frozenset({name})) if name in (*_LISTS, *_MAPPINGS) else None


def _alias(name: str, tree: ast.Module) -> Accepts | None:
    """What a name stands for that a module of this package assigns."""
    for line in tree.body:
        if isinstance(line, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in line.targets):
            return _accepts(line.value, tree)
    home = _imported_from(name, tree)
    inner = _source(home) if home else None
    return _alias(name, inner) if inner else None
