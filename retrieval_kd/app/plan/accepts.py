"""What the value of an argument may be, as far as its annotation says it plainly; and whether a value is one."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_TEXTS = ("str", "Path")
PLAIN: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "Path": (str,),
}
LISTS, MAPPINGS = ("list", "tuple", "Sequence"), ("dict", "Mapping")
_WORDING = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text", "Path": "a text"}


class Accepts(NamedTuple):
    """What an annotation says plainly: names of plain types, literal values, whether null is one, and what the items
    of a list or mapping are (None: not stated plainly).
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
        plain = dict.fromkeys(_WORDING.get(name, f"a {name.lower()}{of}") for name in sorted(self.types))
        return " or ".join(
            [*(str(literal) or chr(34) * 2 for literal in self.literals), *plain, *(["null"] if self.null else [])]
        )


def value_problems(value: Any, accepts: Accepts, path: str) -> Iterator[str]:
    """The problem of a value that is not accepted, as one sentence."""
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
    return any(_is_of_type(value, name) for name in accepts.types) and _items_fit(value, accepts.items)


def _items_fit(value: Any, items: Accepts | None) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return items is None or all(fits(item, items) for item in inner)


def _is_of_type(value: Any, name: str) -> bool:
    if name in LISTS:
        return isinstance(value, list)
    if name in MAPPINGS:
        return isinstance(value, Mapping)
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, PLAIN[name]) and (name == "bool" or not isinstance(value, bool))
