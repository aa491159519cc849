"""Facts that a class states in its body, read from its source: planning imports nothing heavy to know them."""

import ast
from functools import lru_cache
from typing import Any

from retrieval_kd.app.plan import signatures
from retrieval_kd.errors import UserError


@lru_cache
def fact(target: str, name: str) -> Any:
    """The plain value of a class variable of the class that `target` names, its own or of a base within this package or
    the class's; None where none of them says one. A frozenset is written `frozenset({…})`. Raises UserError for what
    is no plain value.
    """
    for body in signatures.class_and_bases(target):
        for line in body.body:
            value = _assigned(line, name)
            if value is not None:
                return _plain(value, f"{target}.{name}")
    return None


def texts(target: str, name: str) -> frozenset[str]:
    """The texts of a class variable that is a set of them; empty where there is none."""
    return frozenset(fact(target, name) or ())


def forget() -> None:
    """From now on sources are read again: those of a plugin may have changed in a long session."""
    fact.cache_clear()
    signatures.forget()


def _assigned(line: ast.stmt, name: str) -> ast.expr | None:
    """What a line of a class's body assigns to this name, with an annotation or without."""
    if isinstance(line, ast.AnnAssign):
        return line.value if ast.unparse(line.target) == name else None
    named = isinstance(line, ast.Assign) and any(ast.unparse(target) == name for target in line.targets)
    return line.value if isinstance(line, ast.Assign) and named else None


def _plain(value: ast.expr, where: str) -> Any:
    try:
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "frozenset":
            return frozenset(ast.literal_eval(value.args[0])) if value.args else frozenset()
        return ast.literal_eval(value)
    except ValueError:
        advice = "plans read it without running code; write a plain value, or frozenset({…}) of some"
        raise UserError(f"{where} = {ast.unparse(value)}: {advice}") from None
