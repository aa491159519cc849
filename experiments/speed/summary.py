"""From rounds of measurements to ratios, their spread, and whether a goal is reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, NamedTuple

Quantity = Literal["wall", "cpu", "peak_mb", "extra_mb", "anon_mb", "anon_peak_mb"]
Kind = Literal["faster", "share", "more", "below"]
Side = Mapping[str, Any]  # what measure.py writes of a side: its rounds, and what was told once

PER_ROUND = ("wall", "cpu")


@dataclass(frozen=True)
class Goal:
    """What ours must reach in one quantity, against the best of some sides.

    `faster`: theirs / ours ≥ bound; `share`: ours / theirs ≤ bound; `more`: ours - theirs ≤ bound; `below`: ours ≤
    bound, against nobody. Seconds are for a unit of work, megabytes for a process.
    """

    quantity: Quantity
    kind: Kind
    bound: float
    against: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """A goal's number: its median over rounds, the least, the greatest; whether it is reached; and against whom."""

    median: float
    low: float
    high: float
    reached: bool
    against: str


def series(side: Side, quantity: Quantity) -> list[float]:
    """A side's numbers by round, seconds for a unit of work; what is told once is a series of one."""
    if quantity in PER_ROUND:
        return [one[quantity] / one["units"] for one in side["rounds"]]
    return [float(side[quantity])]


def best(sides: Mapping[str, Side], names: Sequence[str], quantity: Quantity) -> str:
    """Of the sides that were measured, the one with the least median."""
    there = [name for name in names if name in sides]
    return min(there, key=lambda name: median(series(sides[name], quantity)))


def compared(ours: Sequence[float], theirs: Sequence[float], kind: Kind) -> list[float]:
    """Round by round: theirs / ours, ours / theirs, ours - theirs, or ours."""
    if kind == "below":
        return list(ours)
    pairs = list(zip(ours, theirs, strict=True))
    if kind == "faster":
        return [their / our for our, their in pairs]
    return [our / their if kind == "share" else our - their for our, their in pairs]


def outcome(sides: Mapping[str, Side], goal: Goal, ours: str = "ours") -> Outcome | None:
    """How far a goal is reached; None if nobody whom it is against was measured."""
    if goal.against and not any(name in sides for name in goal.against):
        return None
    against = best(sides, goal.against, goal.quantity) if goal.against else ""
    mine = series(sides[ours], goal.quantity)
    numbers = compared(mine, series(sides[against], goal.quantity) if against else mine, goal.kind)
    middle = median(numbers)
    reached = middle >= goal.bound if goal.kind == "faster" else middle <= goal.bound
    return Outcome(middle, min(numbers), max(numbers), reached, against)


def agree(values: Mapping[str, Sequence[float]], tolerance: float) -> None:
    """Raise ValueError unless all sides told the same numbers, each to `tolerance` · max(1, |number|)."""
    (first, wanted), *others = values.items()
    for name, found in others:
        pairs = zip(wanted, found, strict=True)
        worst = max((abs(a - b) / max(1.0, abs(a)) for a, b in pairs), default=0.0)
        if not worst <= tolerance:
            raise ValueError(f"{first} says {list(wanted)} and {name} {list(found)}: they do not compute the same")
