"""What a term reads of each role over the steps of a training."""

from typing import Any

STEPS_LOOKED_AT = 64  # wants may change from step to step; features do so soon or never


def features(objective: Any, term: Any) -> dict[str, set[str]]:
    """role → the features of its view that the term wants at some step; an echo counts as the scorer it repeats."""
    wanted: dict[str, set[str]] = {}
    for step in range(STEPS_LOOKED_AT):
        for role, wants in term.wants(step).items():
            wanted.setdefault(objective.source(role), set()).update(want.feature for want in wants)
    return wanted
