"""The arguments of a `_target_`, read from its source: a form is checked without importing what it builds."""

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from retrieval_kd.app.cli.schema import FORMS, ROOT
from retrieval_kd.app.cli.suggest import did_you_mean
from retrieval_kd.app.plan.accepts import LISTS, MAPPINGS, PLAIN, Accepts, value_problems
from retrieval_kd.text.module_source import absolute, syntax_tree

ANY = "**"
_READ = ("retrieval_kd", "pytorch_lightning")  # packages whose names are followed from module to module
_TAKE_NOTHING = ("ABC", "object", "nn.Module", "Module", "Protocol")
Parameters = dict[str, Accepts | None]


class Module(NamedTuple):
    """A module's dotted name and its syntax tree."""

    name: str
    tree: ast.Module


def problems(node: Any, where: str) -> Iterator[str]:
    """What in a node, and in all nodes inside it, does not fit the signature of its target."""
    if not isinstance(node, Mapping):
        return
    target = form_of(node, where)
    known = parameters(target) if target else None
    if target and known is None:
        yield f"{where}._target_={target}: there is no such class"
    for key, value in node.items():
        path, accepts = f"{where}.{key}", (known or {}).get(key)
        if target and known is not None and ANY not in known and key not in known and key != "_target_":
            owner = target.rpartition(".")[2] if "_target_" in node else where
            yield f"{path}: {owner} has no argument {key}{did_you_mean(str(key), known)}"
        elif accepts is not None:
            yield from value_problems(value, accepts, path)
        yield from problems(value, path)


def form_of(node: Any, where: str) -> str | None:
    """The class whose arguments a node holds; None where nothing says which keys it has."""
    return str(node["_target_"]) if isinstance(node, Mapping) and "_target_" in node else FORMS.get(where)


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
    """Argument -> what it accepts (None: not stated plainly) of the class that `target` names; None if there is none.
    `ANY` is one of them where it takes others too.
    """
    located = _located_class(target)
    return _arguments(*located) if located else None


def class_and_bases(target: str) -> Iterator[ast.ClassDef]:
    """The source of the class that `target` names, then of its bases within this package or its own, nearest first."""
    located = _located_class(target)
    if located is None:
        return
    definition, home = located
    yield definition
    for base in map(ast.unparse, definition.bases):
        other, name = (home, base) if _class(home, base) else _imported(base, home) or (None, base)
        yield from class_and_bases(f"{other.name}.{name}") if other else ()


def _located_class(target: str) -> tuple[ast.ClassDef, Module] | None:
    module, _, name = target.rpartition(".")
    home = _module(module)
    if home is None:
        return None
    definition = _class(home, name)
    imported = None if definition else _imported(name, home)
    return (
        (definition, home) if definition else _located_class(f"{imported[0].name}.{imported[1]}") if imported else None
    )  # a package's own name


@lru_cache
def _module(name: str) -> Module | None:
    tree = syntax_tree(name)
    return None if tree is None else Module(name, tree)


def forget() -> None:
    """From now on sources are read again."""
    for cached in (parameters, _module):
        cached.cache_clear()


def _class(home: Module, name: str) -> ast.ClassDef | None:
    return next((node for node in home.tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)


def _arguments(definition: ast.ClassDef, home: Module) -> Parameters:
    """Of `__init__` (where that takes any others by `**`, those of the bases too); else those of the bases, and of a
    dataclass its fields.
    """
    inherited: Parameters = {}
    for base in definition.bases:
        inherited |= _of_base(base, home)
    for line in definition.body:
        if isinstance(line, ast.FunctionDef) and line.name == "__init__":
            listed = (*line.args.args[1:], *line.args.kwonlyargs)
            own = {argument.arg: _accepts(argument.annotation, home) for argument in listed}
            return {**inherited, **own} if line.args.kwarg else own
    is_dataclass = any("dataclass" in ast.unparse(decorator) for decorator in definition.decorator_list)
    return inherited | (dict(_fields(definition, home)) if is_dataclass else {})


def _fields(definition: ast.ClassDef, home: Module) -> Iterator[tuple[str, Accepts | None]]:
    for line in definition.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            if "ClassVar" not in ast.unparse(line.annotation):
                yield line.target.id, _accepts(line.annotation, home)


def _of_base(base: ast.expr, home: Module) -> Parameters:
    name = ast.unparse(base)
    if local := _class(home, name):
        return _arguments(local, home)
    other, name = _imported(name, home) or (home, name)
    inherited = parameters(f"{other.name}.{name}")
    return dict(inherited) if inherited is not None else {} if name in _TAKE_NOTHING else {ANY: None}


def _imported(name: str, home: Module) -> tuple[Module, str] | None:
    """The module of a package whose names are followed, or of the module's own, that a name is imported from, and its
    name there.
    """
    for line in home.tree.body:
        for alias in line.names if isinstance(line, ast.ImportFrom) else ():
            if isinstance(line, ast.ImportFrom) and (alias.asname or alias.name) == name:
                other = absolute(line, home.name)
                followed = _module(other) if other.partition(".")[0] in (*_READ, home.name.partition(".")[0]) else None
                return (followed, alias.name) if followed else None
    return None


def _accepts(annotation: ast.expr | None, home: Module) -> Accepts | None:
    """What an annotation says, aliases followed; None where it says more than plain types and literals."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        left, right = _accepts(annotation.left, home), _accepts(annotation.right, home)
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
        return _generic(annotation, home)
    if not isinstance(annotation, ast.Name) or annotation.id == "Any":
        return None
    return Accepts(frozenset({annotation.id})) if annotation.id in PLAIN else _alias(annotation.id, home)


def _generic(annotation: ast.Subscript, home: Module) -> Accepts | None:
    name = annotation.value.id if isinstance(annotation.value, ast.Name) else ""
    inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    if name == "Literal":
        return Accepts(frozenset(), tuple(ast.literal_eval(node) for node in inner))
    if name == "Optional":
        accepts = _accepts(inner[0], home)
        return accepts and accepts._replace(null=True)
    if name not in (*LISTS, *MAPPINGS):
        return None
    return Accepts(frozenset({name}), items=_accepts(inner[-1 if name in MAPPINGS else 0], home))


def _alias(name: str, home: Module) -> Accepts | None:
    """What a name stands for that a module of this package assigns."""
    for line in home.tree.body:
        if isinstance(line, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in line.targets
        ):
            return _accepts(line.value, home)
    other = _imported(name, home)
    return _alias(other[1], other[0]) if other else None
