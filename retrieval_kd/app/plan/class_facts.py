"""Facts that a class states in its body, read from its source: planning imports nothing heavy to know them."""

import ast
from functools import lru_cache
from typing import Any

from retrieval_kd.app.plan import signatures


@lru_cache
def fact(target: str, name: str) -> Any:
    """The plain value of a class variable of the class that `target` names, its own or of a base within this package or
    the class's; None where none of them says one. A frozenset is written `frozenset({…})`.
    """
    for body in signatures.class_and_bases(target):
        for line in body.body:
            if isinstance(line, ast.AnnAssign) and ast.unparse(line.target) == name and line.value is not None:
                return _plain(line.value)
    return None


def texts(target: str, name: str) -> frozenset[str]:
    """The texts of a class variable that is a set of them; empty where there is none."""
    return frozenset(fact(target, name) or ())


def forget() -> None:
    """From now on sources are read again: those of a plugin may have changed in a long session."""
    fact.cache_clear()
    signatures.forget()


def _plain(value: ast.expr) -> Any:
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "frozenset":
        return frozenset(ast.literal_eval(value.args[0])) if value.args else frozenset()
    return ast.literal_eval(value)
