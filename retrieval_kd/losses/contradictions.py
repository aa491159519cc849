"""Contradictions within an objective."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from retrieval_kd.losses.largest import largest_problem

if TYPE_CHECKING:
    from retrieval_kd.losses.objective import Objective
    from retrieval_kd.losses.term import Term


def contradictions(objective: "Objective", terms: Mapping[str, "Term"]) -> Iterator[str]:
    """A sentence for each; `terms` are those with a weight above 0. No term, a guide with gradient that no term names
    as learner, a tied or echoed role that is read by none, a wrong group of `largest_of`.
    """
    if not terms:
        yield "no term has a weight above 0: give at least one under loss.terms"
        return
    for name, term in terms.items():
        if term.guide is not None and not term.detach_guide and objective.source(term.guide) not in objective.learners:
            yield (
                f"loss.terms.{name}: detach_guide=false moves {term.guide}, which no term names as learner; give true"
            )
    roles = objective.roles
    for name in (*objective.tied, *(echo["of"] for echo in objective.echoes.values())):
        if name != "student" and name not in roles:
            yield f"the loss ties or echoes {name!r}, which none of its terms reads: give one of {sorted(roles)}"
    if problem := largest_problem(objective.largest_of, list(terms)):
        yield problem
