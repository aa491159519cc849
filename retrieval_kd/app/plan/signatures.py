"""The arguments of a `_target_`, read from its source: a form is checked without importing what it builds."""

import ast
import importlib.util
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from retrieval_kd.app.cli.schema import FORMS, ROOT
from retrieval_kd.app.cli.suggest import did_you_mean

_READ = ("retrieval_kd", "pytorch_lightning")  # packages whose names are followed from module to module
_TEXTS = ("str", "Path")
_PLAIN: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "Path": (str,),
}
_LISTS, _MAPPINGS = ("list", "tuple", "Sequence"), ("dict", "Mapping")
_SAID = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text", "Path": "a text"}


class Accepts(NamedTuple):
    """What an annotation says plainly: names of plain types, literal values, whether null is one, and what the items
    of a list or mapping are (None: not told plainly).
    """

    types: frozenset[str]
    literals: tuple[Any, ...] = ()
    null: bool = False
    items: "Accepts | None" = None

    @property
    def text(self) -> bool:
        """Whether a text is accepted."""
        return any(name in _TEXTS for name in self.types)

    def __str__(self) -> str:
        of = f" (each {self.items})" if self.items else ""
        plain = dict.fromkeys(_SAID.get(name, f"a {name.lower()}{of}") for name in sorted(self.types))
        return " or ".join(
            [*(str(one) or chr(34) * 2 for one in self.literals), *plain, *(["null"] if self.null else [])]
        )


Parameters = dict[str, Accepts | None]


def faults(node: Any, where: str) -> Iterator[str]:
    """What in a node, and in all nodes inside it, does not fit the signature of its target."""
    if not isinstance(node, Mapping):
        return
    target = form_of(node, where)
    known = parameters(target) if target else None
    if target and known is None:
        yield f"{where}._target_={target}: there is no such class"
    for key, value in node.items():
        path, accepts = f"{where}.{key}", (known or {}).get(key)
        if target and known is not None and key not in known and key != "_target_":
            owner = target.rpartition(".")[2] if "_target_" in node else where
            yield f"{path}: {owner} has no argument {key}{did_you_mean(str(key), known)}"
        elif accepts is not None:
            yield from value_faults(value, accepts, path)
        yield from faults(value, path)


def form_of(node: Any, where: str) -> str | None:
    """The class whose arguments a node holds; None where nothing says which keys it has."""
    return str(node["_target_"]) if isinstance(node, Mapping) and "_target_" in node else FORMS.get(where)


def value_faults(value: Any, accepts: Accepts, path: str) -> Iterator[str]:
    """What keeps a value from being accepted, as one sentence."""
    if not fits(value, accepts):
        quoted = f", as in '{path}=\"…\"'" if accepts.text and not isinstance(value, list | Mapping) else ""
        yield f"{path}={shown(value)}: give {accepts}{quoted}"
    elif accepts.text and isinstance(value, str) and not value.strip() and value not in accepts.literals:
        yield f"{path}= is empty: give {accepts}"


def shown(value: Any) -> str:
    """A value as it would be written on the command line."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def fits(value: Any, accepts: Accepts) -> bool:
    """Whether a config's value is of a plain type that is accepted; what is still to be given or made fits."""
    if value is None:
        return accepts.null
    if isinstance(value, str) and ("${" in value or value == "???"):
        return True
    if any(value == literal and type(value) is type(literal) for literal in accepts.literals):
        return True
    return any(_is(value, name) for name in accepts.types) and _items_fit(value, accepts.items)


def _items_fit(value: Any, items: Accepts | None) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return items is None or all(fits(item, items) for item in inner)


def _is(value: Any, name: str) -> bool:
    if name in _LISTS:
        return isinstance(value, list)
    if name in _MAPPINGS:
        return isinstance(value, Mapping)
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, _PLAIN[name]) and (name == "bool" or not isinstance(value, bool))


def accepted(config: Mapping[str, Any], key: str) -> Accepts | None:
    """What the value of a dotted key may be in a whole config; None where nothing says it plainly."""
    node: Any = config
    target: str | None = ROOT
    accepts, names = None, key.split(".")
    for place, name in enumerate(names):
        known = parameters(target) if target else None
        accepts = known.get(name) if known is not None else accepts.items if accepts else None
        node = node.get(name) if isinstance(node, Mapping) else None
        target = form_of(node, ".".join(names[: place + 1]))
    return accepts


@lru_cache
def parameters(target: str) -> Parameters | None:
    """Argument -> what it accepts (None: not told plainly) of the class that `target` names; None if there is none."""
    module, _, name = target.rpartition(".")
    tree = _source(module)
    found = _class(tree, name) if tree else None
    if found is None and tree and (home := _imported_from(name, tree)):
        return parameters(f"{home}.{name}")  # a package's own name for it
    return _arguments(found, tree) if found and tree else None


def class_and_bases(target: str) -> Iterator[ast.ClassDef]:
    """The source of the class that `target` names, then of its bases within this package, nearest first."""
    module, _, name = target.rpartition(".")
    tree = _source(module)
    found = _class(tree, name) if tree else None
    if found is None or tree is None:
        return
    yield found
    for base in found.bases:
        if isinstance(base, ast.Name):
            home = module if _class(tree, base.id) else _imported_from(base.id, tree)
            yield from class_and_bases(f"{home}.{base.id}") if home else ()


@lru_cache
def _source(module: str) -> ast.Module | None:
    """The syntax of a module, none of whose packages is imported for it; None where there is no such file."""
    package, *inner = module.split(".")
    spec = importlib.util.find_spec(package) if package else None
    folders = spec.submodule_search_locations if spec else None
    if not spec or not spec.origin or (inner and not folders):
        return None
    stem = Path(folders[0], *inner) if folders else Path(spec.origin).with_suffix("")
    files = [path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()]
    return ast.parse(files[0].read_text(encoding="utf-8")) if files else None


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
    """The module of this package, or of Lightning, that a name is imported from."""
    for line in tree.body:
        if isinstance(line, ast.ImportFrom) and (line.module or "").startswith(_READ):
            if any((alias.asname or alias.name) == name for alias in line.names):
                return line.module
    return None


def _accepts(annotation: ast.expr | None, tree: ast.Module) -> Accepts | None:
    """What an annotation says, aliases followed; None where it says more than plain types and literals."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        left, right = _accepts(annotation.left, tree), _accepts(annotation.right, tree)
        if left is None or right is None:
            return None
        return Accepts(
            left.types | right.types,
            (*left.literals, *right.literals),
            left.null or right.null,
            left.items or right.items,
        )
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return Accepts(frozenset(), null=True)
    if isinstance(annotation, ast.Subscript):
        return _generic(annotation, tree)
    if not isinstance(annotation, ast.Name) or annotation.id == "Any":
        return None
    return Accepts(frozenset({annotation.id})) if annotation.id in _PLAIN else _alias(annotation.id, tree)


def _generic(annotation: ast.Subscript, tree: ast.Module) -> Accepts | None:
    name = annotation.value.id if isinstance(annotation.value, ast.Name) else ""
    inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    if name == "Optional":
        accepts = _accepts(inner[0], tree)
        return accepts and accepts._replace(null=True)
    if name == "Literal":
        return Accepts(frozenset(), tuple(ast.literal_eval(node) for node in inner))
    if name not in (*_LISTS, *_MAPPINGS):
        return None
    return Accepts(frozenset({name}), items=_accepts(inner[-1 if name in _MAPPINGS else 0], tree))


def _alias(name: str, tree: ast.Module) -> Accepts | None:
    """What a name stands for that a module of this package assigns."""
    for line in tree.body:
        if isinstance(line, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in line.targets):
            return _accepts(line.value, tree)
    home = _imported_from(name, tree)
    inner = _source(home) if home else None
    return _alias(name, inner) if inner else None
