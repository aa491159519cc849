"""What is refused of rankers before anything loads: kinds of scorer that they do not read, arguments that are none."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from retrieval_kd.app.plan.class_facts import fact, texts
from retrieval_kd.app.plan.content_digests import FILES
from retrieval_kd.app.plan.fitting_ranker import ANY_KIND
from retrieval_kd.app.plan.instantiate import class_of, targets
from retrieval_kd.app.plan.stage_kinds import whom
from retrieval_kd.errors import UserError

Node = Mapping[str, Any]
RANKER = "ranker"


def ranker_problems(config: Node) -> Iterator[str]:
    """A ranker that cannot read the student's kind of scorer; someone to judge who is nobody."""
    if (judged := whom(dict(config))) not in ("student", "teacher"):
        yield f"evaluation.whom={judged}: give student or teacher"
    student = str((config.get("student") or {}).get("_target_"))
    kind, fitting = fact(student, "kind"), fact(student, "ranker")
    if fitting is None:
        return
    for where, target in targets(config.get(RANKER) or {}, RANKER):
        ranks_by = texts(target, "ranks_by")
        if ranks_by and not ranks_by & {kind, ANY_KIND}:
            ranker = f"{where.removesuffix('._target_')} {target.rpartition('.')[2]}"
            kinds = " or ".join(sorted(ranks_by))
            yield f"{ranker} ranks by a {kinds} student, and this one is {kind}: give ranker={fitting}"


def argument_problems(config: Node) -> Iterator[str]:
    """What the rankers of a stage refuse of their arguments: each is made with nothing for what no config holds."""
    yield from _refused(config.get(RANKER) or {}, RANKER)
    evaluation = config.get("evaluation") or {}
    if whom(dict(config)) == "teacher":
        yield from _refused(evaluation.get("candidates") or {}, "evaluation.candidates")


def _refused(node: Node, path: str) -> Iterator[str]:
    inner = {key: value for key, value in node.items() if isinstance(value, Mapping)}
    for key, value in inner.items():
        yield from _refused(value, f"{path}.{key}")
    if "_target_" not in node or any(isinstance(node.get(key), str) for key in FILES):
        return  # a file is read before the first stage
    kind, own = class_of(node, RANKER), {key: value for key, value in node.items() if key != "_target_"}
    wanted = [key for key, one in inspect.signature(kind).parameters.items() if one.default is one.empty]
    try:
        kind(**{**dict.fromkeys(wanted), **own, **dict.fromkeys(inner)})
    except UserError as fault:
        yield f"{path}.{fault}"
    except (AttributeError, TypeError):
        return  # of a plugin, which looks at what it is given: told where that is there
