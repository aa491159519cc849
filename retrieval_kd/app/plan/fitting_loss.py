"""Which loss a teacher teaches by where nobody names one and the default names teachers that are not there."""

from collections.abc import Mapping
from typing import Any

from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.class_facts import fact


def fitting_loss(config: Mapping[str, Any]) -> str | None:
    """The option of the loss by which the config's one teacher teaches its student, where the config's own loss names a
    role that nobody has.
    """
    group = roles.group(config)
    known = {"student", roles.ONLY, *group, *roles.echoes(config)}
    if len(group) != 1 or all(role in known for _, role in roles.named(config)):
        return None
    teacher, student = (str(node.get("_target_")) for node in (next(iter(group.values())), config.get("student") or {}))
    fitting: str | None = fact(teacher, "teaches_by")
    return fitting if fact(student, "kind") == fact(teacher, "kind") else None
