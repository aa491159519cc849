"""Groups of terms of which only the one with the largest loss counts in a step, as of several teachers.

Source: `double_teacher` of SimXNS PROD, run_progressive_distill_marco.py. Differs: there the hard term is part of
either loss; here it stays outside the group.
"""

from collections.abc import Mapping, Sequence

import torch

from retrieval_kd.shapes import Scalar

Groups = Sequence[Sequence[str]]


def largest_alone(groups: Groups, losses: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The losses by name, those of each group 0 but for its largest; on a tie the first stays."""
    counted = dict(losses)
    for group in groups:
        largest = int(torch.stack([losses[name].detach() for name in group]).argmax())
        counted |= {name: losses[name] * (place == largest) for place, name in enumerate(group)}
    return counted


def largest_problem(groups: Groups, terms: Sequence[str]) -> str | None:
    """A sentence where a group has fewer than two terms, names one that is not there, or two groups share one."""
    named = [name for group in groups for name in group]
    if all(len(group) > 1 for group in groups) and len(set(named)) == len(named) and set(named) <= set(terms):
        return None
    return (
        f"loss.largest_of={list(map(list, groups))}: give groups of two or more terms with a weight above 0, each in "
        f"one group at most; there are {', '.join(terms)}"
    )
