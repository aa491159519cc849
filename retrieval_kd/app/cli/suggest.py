"""What was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """`; did you mean …?` with the nearest of `known`, or the whole list if nothing is near."""
    names = sorted(set(known))
    near = get_close_matches(name, names, n=1, cutoff=0.6) or [choice for choice in names if choice.startswith(name)]
    if near:
        return f"; did you mean {prefix}{near[0]}?"
    return f"; there are: {', '.join(names)}" if 0 < len(names) <= 24 else ""
