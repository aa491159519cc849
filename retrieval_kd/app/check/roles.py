"""What is refused of who does what: learners that cannot learn, passages that no dual teacher reads."""

from collections.abc import Iterator, Mapping
from typing import Any

from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.class_facts import fact
from retrieval_kd.app.plan.instantiate import SCORER, class_of

Node = Mapping[str, Any]


def unteachable_problems(objective: Any, config: Node) -> Iterator[str]:
    """Terms whose learner has nothing to learn with."""
    nodes = {"student": config["student"], **roles.group(config)}
    for name, term in objective.terms.items():
        role = objective.source(term.learner)
        scorer: Any = class_of(nodes[role], SCORER)
        if role in objective.learners and not scorer.teachable:
            yield (
                f"loss.terms.{name}.learner={role}: {scorer.kind} scorers do not learn, they are only followed; "
                f"name it as guide, or leave the term out with loss.terms.{name}.weight=0"
            )


def tower_problems(config: Node) -> Iterator[str]:
    """A student that reads passages through a teacher that is not there or not dual, or that is tied itself."""
    role, teachers = roles.passages_of(config), roles.group(config)
    if role is None:
        return
    node = teachers.get(role)
    if node is None:
        yield (
            f"{roles.TOWER}={role}: there is no teacher named {role}; available: {', '.join(teachers) or 'none'}; set "
            "teacher=dual, or student=dual, which has a tower of its own for passages; where a recipe's stage has no "
            "teacher, leave experiment= out"
        )
    elif not fact(str(node.get("_target_")), "passage_tower"):
        kind = str(node.get("_target_", "")).rpartition(".")[2].lower()
        yield (
            f"{roles.TOWER}={role}: that is a {kind} scorer, and only a dual encoder's passages are one vector "
            "each: set teacher=dual student.passages_of=dual, or student=dual"
        )
    tied = list((config.get("loss") or {}).get("tied") or [])
    if tied:
        yield (
            f"loss.tied={tied}: this student reads passages through {role}, so no other role can read through it: set "
            "student=dual, or loss=tight_coupling for a teacher apart"
        )


def lacking_tower_problems(config: Node) -> Iterator[str]:
    """The same of such a student outside training, where a checkpoint would bring the passages' tower along."""
    if (config.get("student") or {}).get("checkpoint") is None:
        yield from tower_problems(config)
