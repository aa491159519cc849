"""Classes of other packages: of those that the command line names by `plugins=[…]`, and of no others."""

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
_OVERRIDE = re.compile(rf"\+{{0,2}}{KEY}=")
_allowed: tuple[str, ...] = ()
_imported: dict[str, tuple[ModuleSpec | None, str]] = {}  # module → how it was loaded, and its code at that time


def named(texts: Sequence[str]) -> tuple[str, ...]:
    """The packages that a command line names. Raises UserError for what is no list of names."""
    packages: tuple[str, ...] = ()
    for text in filter(_OVERRIDE.match, texts):
        override = parsed(text)
        if override.is_sweep_override():
            continue  # refused where overrides are read
        value = override.value()
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise UserError(f"{text}: give a list of packages, as in {KEY}=[my_package]")
        packages = tuple(value)
    return packages


@contextmanager
def allowed(packages: Sequence[str]) -> Iterator[None]:
    """Inside, configs may name classes of these packages, and of no others. Raises UserError for one that is not there.

    It holds for the whole process: two plans with different plugins are not run at the same time in one.
    """
    global _allowed
    if isinstance(packages, str):
        raise UserError(f"{KEY}={packages!r} is one text; give a list of packages, as in {KEY}=['my_package']")
    for package in packages:
        _refuse_unusable(package)
    before, _allowed = _allowed, tuple(packages)
    if packages:
        class_facts.forget()
    try:
        yield
    finally:
        _allowed = before


def allowed_packages() -> tuple[str, ...]:
    """The packages that are allowed here."""
    return _allowed


def _refuse_unusable(package: str) -> None:
    override = f"{KEY}=[{package}]"
    if not all(map(str.isidentifier, package.split("."))):
        raise UserError(f"{override}: {package} is no name that Python could import; give one as in {KEY}=[my_package]")
    if within(package, OWN):
        raise UserError(f"{override}: {OWN} brings its own classes, which its option files name; leave it out")
    if spec_of(package) is None:
        raise UserError(
            f"{override}: Python finds no package {package}: install it, or set PYTHONPATH to the folder that "
            f"{package.partition('.')[0]} lies in"
        )


def is_allowed(target: str) -> bool:
    """Whether a class stands in a package that is allowed."""
    return any(within(target.rpartition(".")[0], package) for package in _allowed)


def hint_for(target: str) -> str:
    """What to add to the error for a class of a package that is not allowed; nothing for Python's or this package's."""
    package = target.partition(".")[0]
    if "." not in target or package in sys.stdlib_module_names or package in (OWN, "pytorch_lightning", "torch"):
        return ""
    return f"; a class from outside needs {KEY}=[{package}] on the command line"


def problem(target: str, group: str) -> str | None:
    """Why a group may not name a class of an allowed package; None if it may. Imports the class."""
    if group not in BASES:
        return f"a plugin brings no class of {group}; it may bring some of {', '.join(BASES)}"
    module, _, name = target.rpartition(".")
    try:
        member, base = _load(module).get(name), _class(BASES[group])
    except UserError as error:
        return str(error)
    if not isinstance(member, type) or member.__module__ != module:
        home = getattr(member, "__module__", None) if isinstance(member, type) else None
        instead = f"; it stands in {home}: give {home}.{name}" if home and is_allowed(f"{home}.{name}") else ""
        return f"{module} defines no class {name}{instead}"
    if not issubclass(member, base):
        return f"{name} is no {base.__name__}; of a plugin {group} takes subclasses of {BASES[group]}"
    if inspect.isabstract(member):
        lacking = sorted(name for name, value in inspect.getmembers(member) if _is_abstract(value))
        return f"{name} lacks {', '.join(lacking)}, which every {base.__name__} has"
    return _name_clash(member) if BASES[group] == _SCORER else None


def _is_abstract(value: Any) -> bool:
    return bool(getattr(value, "__isabstractmethod__", False))


def _name_clash(scorer: Any) -> str | None:
    """What is wrong with a scorer that is saved under the name of one of this package's kinds."""
    own_kinds = ("dual", "late", "cross", "asymmetric", "stored", "ensemble")
    if scorer.saved_as() not in own_kinds:
        return None
    return f"a saved scorer is known by {scorer.saved_as()!r}, and that is one of {OWN}'s: give the class another name"


def _load(module: str) -> Mapping[str, Any]:
    """What a module of a plugin defines. Raises UserError if it cannot be imported, or has changed since it was."""
    try:
        loaded = importlib.import_module(module)
    except Exception as error:  # whatever somebody else's code raises
        lacking = f": install {error.name}" if isinstance(error, ModuleNotFoundError) and error.name != module else ""
        raise UserError(f"importing {module} fails ({type(error).__name__}: {error}){lacking}") from None
    code = code_digest(module)
    spec, imported = _imported.get(module, (None, code))
    if spec is not None and spec is loaded.__spec__ and imported != code:
        raise UserError(f"the code of {module} has changed since it was imported: start Python again, or reload it")
    _imported[module] = (loaded.__spec__, code)
    return vars(loaded)


def _class(target: str) -> type:
    module, _, name = target.rpartition(".")
    loaded_class: type = getattr(importlib.import_module(module), name)
    return loaded_class


def code_of(targets: Iterator[str]) -> dict[str, str]:
    """The digest of the code of each class of a plugin, with what its module uses of its own package."""
    return {target: code_digest(target.rpartition(".")[0]) for target in sorted(set(filter(is_allowed, targets)))}


def folders(packages: Sequence[str]) -> list[str]:
    """Where Python finds the packages: what another process needs on its path."""
    specs = [spec_of(package.partition(".")[0]) for package in packages]
    locations = [list(spec.submodule_search_locations or [spec.origin or ""]) for spec in specs if spec]
    return list(
        dict.fromkeys(str(Path(folder).parent) for locations_of_package in locations for folder in locations_of_package)
    )
