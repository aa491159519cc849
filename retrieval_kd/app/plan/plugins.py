"""Classes from outside: those of the packages that the command line names by `plugins=[…]`, and of nobody else's."""

import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from retrieval_kd.app.cli.overrides import parsed
from retrieval_kd.app.plan import class_facts
from retrieval_kd.errors import UserError
from retrieval_kd.text.module_source import code_digest, spec_of, within

KEY = "plugins"
OWN = "retrieval_kd"
_SCORER, _RANKER = "retrieval_kd.scorers.scorer.Scorer", "retrieval_kd.ranking.ranker.Ranker"
BASES = {  # group → what a plugin's class must be a subclass of to stand in it
    "corpus": "retrieval_kd.text.corpus.Source",
    **dict.fromkeys(("student", "teacher", "scorer"), _SCORER),
    "loss": "retrieval_kd.losses.term.Term",
    "curriculum": "retrieval_kd.curricula.curriculum.Curriculum",
    **dict.fromkeys(("ranker", "evaluation"), _RANKER),
    "callbacks": "pytorch_lightning.callbacks.callback.Callback",
    "tracking": "retrieval_kd.app.stages.tracking.Files",
}
_SAID = re.compile(rf"\+{{0,2}}{KEY}=")
_allowed: tuple[str, ...] = ()
_imported: dict[str, tuple[ModuleSpec | None, str]] = {}  # module → how it was loaded, and its code at that time


def named(texts: Sequence[str]) -> tuple[str, ...]:
    """The packages that a command line names. Raises UserError for what is no list of names."""
    found: tuple[str, ...] = ()
    for text in filter(_SAID.match, texts):
        override = parsed(text)
        if override.is_sweep_override():
            continue  # told where overrides are read
        value = override.value()
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise UserError(f"{text}: give a list of packages, as in {KEY}=[my_package]")
        found = tuple(value)
    return found


@contextmanager
def allowed(packages: Sequence[str]) -> Iterator[None]:
    """Inside, configs may name classes of these packages, and of no others. Raises UserError for one that is not there.

    It holds for the whole process: two plans with different plugins are not run at the same time in one.
    """
    global _allowed
    if isinstance(packages, str):
        raise UserError(f"{KEY}={packages!r} is one text; give a list of packages, as in {KEY}=['my_package']")
    for package in packages:
        _refuse(package)
    before, _allowed = _allowed, tuple(packages)
    if packages:
        class_facts.forget()
    try:
        yield
    finally:
        _allowed = before


def present() -> tuple[str, ...]:
    """The packages that are allowed here."""
    return _allowed


def _refuse(package: str) -> None:
    said = f"{KEY}=[{package}]"
    if not all(map(str.isidentifier, package.split("."))):
        raise UserError(f"{said}: {package} is no name that Python could import; give one as in {KEY}=[my_package]")
    if within(package, OWN):
        raise UserError(f"{said}: {OWN} brings its own classes, which its option files name; leave it out")
    if spec_of(package) is None:
        raise UserError(
            f"{said}: Python finds no package {package}: install it, or set PYTHONPATH to the folder that "
            f"{package.partition('.')[0]} lies in"
        )


def holds(target: str) -> bool:
    """Whether a class stands in a package that is allowed."""
    return any(within(target.rpartition(".")[0], package) for package in _allowed)


def hint(target: str) -> str:
    """What to say for a class of a package that is not allowed; nothing for one of Python's or of this package."""
    package = target.partition(".")[0]
    if "." not in target or package in sys.stdlib_module_names or package in (OWN, "pytorch_lightning", "torch"):
        return ""
    return f"; a class from outside needs {KEY}=[{package}] on the command line"


def fault(target: str, group: str) -> str | None:
    """Why a group may not name a class of an allowed package; None if it may. Imports the class."""
    if group not in BASES:
        return f"a plugin brings no class of {group}; it may bring some of {', '.join(BASES)}"
    module, _, name = target.rpartition(".")
    try:
        found, base = _load(module).get(name), _class(BASES[group])
    except UserError as wrong:
        return str(wrong)
    if not isinstance(found, type) or found.__module__ != module:
        home = getattr(found, "__module__", None) if isinstance(found, type) else None
        instead = f"; it stands in {home}: give {home}.{name}" if home and holds(f"{home}.{name}") else ""
        return f"{module} defines no class {name}{instead}"
    if not issubclass(found, base):
        return f"{name} is no {base.__name__}; of a plugin {group} takes subclasses of {BASES[group]}"
    if inspect.isabstract(found):
        lacking = sorted(name for name, value in inspect.getmembers(found) if _is_abstract(value))
        return f"{name} lacks {', '.join(lacking)}, which every {base.__name__} has"
    return _taken(found) if BASES[group] == _SCORER else None


def _is_abstract(value: Any) -> bool:
    return bool(getattr(value, "__isabstractmethod__", False))


def _taken(scorer: Any) -> str | None:
    """Why a scorer cannot be told from one of this package, where it is saved."""
    others = ("dual", "late", "cross", "asymmetric", "stored", "ensemble")
    if scorer.saved_as() not in others:
        return None
    return f"a saved scorer is known by {scorer.saved_as()!r}, and that is one of {OWN}'s: give the class another name"


def _load(module: str) -> Mapping[str, Any]:
    """What a module of a plugin defines. Raises UserError if it cannot be imported, or has changed since it was."""
    try:
        found = importlib.import_module(module)
    except Exception as wrong:  # whatever somebody else's code raises
        lacking = f": install {wrong.name}" if isinstance(wrong, ModuleNotFoundError) and wrong.name != module else ""
        raise UserError(f"importing {module} fails ({type(wrong).__name__}: {wrong}){lacking}") from None
    code = code_digest(module)
    spec, imported = _imported.get(module, (None, code))
    if spec is not None and spec is found.__spec__ and imported != code:
        raise UserError(f"the code of {module} has changed since it was imported: start Python again, or reload it")
    _imported[module] = (found.__spec__, code)
    return vars(found)


def _class(target: str) -> type:
    module, _, name = target.rpartition(".")
    found: type = getattr(importlib.import_module(module), name)
    return found


def code_of(targets: Iterator[str]) -> dict[str, str]:
    """The digest of the code of each class of a plugin, with what its module uses of its own package."""
    return {target: code_digest(target.rpartition(".")[0]) for target in sorted(set(filter(holds, targets)))}


def folders(packages: Sequence[str]) -> list[str]:
    """Where Python finds the packages: what another process needs on its path."""
    specs = [spec_of(package.partition(".")[0]) for package in packages]
    places = [list(spec.submodule_search_locations or [spec.origin or ""]) for spec in specs if spec]
    return list(dict.fromkeys(str(Path(place).parent) for found in places for place in found))
