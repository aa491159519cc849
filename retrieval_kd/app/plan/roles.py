"""Who is named by a train config: the roles its terms, echoes and curriculum read."""

from collections.abc import Iterator, Mapping
from typing import Any

from retrieval_kd.app.plan.class_facts import fact

Node = Mapping[str, Any]
SAVED = "roles.json"  # beside the scorers that a training saved: where each role's lies, and its whole config
TOWER = "student.passages_of"  # whose scorer reads the passages of a student with a query tower alone
REDRAWN = ("passage", "query", "both")  # what an echo may read with dropout of its own
_CHOSEN = {"data": "data=dark", "evaluation": "evaluation=full", "ranker": "ranker=rerank"}
ONLY = "teacher"  # as a guide, learner or judge: the one role of the teacher group


def shape_problems(config: Node) -> Iterator[str]:
    """What stands where a scorer, a term or an echo should."""
    loss = config.get("loss") or {}
    places = {"teacher": config.get("teacher"), "loss.terms": loss.get("terms"), "loss.echoes": loss.get("echoes")}
    places["callbacks"] = config.get("callbacks")
    for role, node in group(config).items() if isinstance(places["teacher"] or {}, Mapping) else ():
        if isinstance(node, Mapping) and "members" in node:
            places[f"teacher.{role}.members"] = node["members"]
    for where, nodes in places.items():
        if not isinstance(nodes or {}, Mapping):
            yield f"{where}={nodes}: give a mapping from names to what they are"
            continue
        wanted = "of" if where == "loss.echoes" else "_target_"
        for name, node in (nodes or {}).items():
            if not isinstance(node, Mapping) or wanted not in node:
                yield f"{where}.{name}={node}: {where} has no key {name}, and a new one is a mapping with {wanted}"
            elif wanted == "of" and (set(node) != {"of", "redraw"} or node["redraw"] not in REDRAWN):
                yield f"{where}.{name}={dict(node)}: an echo has of, a role, and redraw: {', '.join(REDRAWN)}"
    for where, node in _inner(config):
        if isinstance(node, Mapping) and "_target_" not in node:
            yield f"{where}={dict(node)}: choose what stands there by an option, as {_CHOSEN[where.split('.')[0]]}"
    if not isinstance(loss.get("tied") or [], list):
        yield f"loss.tied={loss['tied']}: give a list of roles, as in loss.tied=[student,late]"


def _inner(config: Node) -> Iterator[tuple[str, Any]]:
    """(where, node) of what is built inside another group's node, or null."""
    for where, name in (("data", "dark"), ("evaluation", "candidates")):
        if isinstance(config.get(where), Mapping):
            yield f"{where}.{name}", config[where].get(name)
    ranker = config.get("ranker")
    yield from ((f"ranker.{key}", node) for key, node in (ranker if isinstance(ranker, Mapping) else {}).items())


def group(config: Node) -> dict[str, Any]:
    """The teacher group: role -> scorer node."""
    return dict(config.get("teacher") or {})


def scorers_by_role(config: Node) -> dict[str, Any]:
    """The student, where there is one, and the teacher group: role -> scorer node."""
    return {**({"student": config["student"]} if config.get("student") else {}), **group(config)}


def path(role: str) -> str:
    """Where a role's scorer stands in a config."""
    return role if role == "student" else f"teacher.{role}"


def tied(config: Node) -> list[str]:
    """The roles that read through the encoders of the first."""
    return [str(role) for role in (config.get("loss") or {}).get("tied") or []]


def learners(config: Node) -> set[str]:
    """The roles that some arrow trains; an echo counts as the scorer it repeats."""
    repeats = {name: str(echo["of"]) for name, echo in echoes(config).items()}
    ends = [str(term["learner"]) for term in terms(config).values() if isinstance(term, Mapping)]
    return {repeats.get(role, role) for role in ends}


def terms(config: Node) -> dict[str, Any]:
    """The arrows of the loss by name; one of weight 0 is as if it were not there."""
    every = (config.get("loss") or {}).get("terms") or {}
    return {name: term for name, term in every.items() if not isinstance(term, Mapping) or term.get("weight") != 0}


def echoes(config: Node) -> dict[str, Any]:
    """Echo -> {of: role, redraw: …}."""
    return dict((config.get("loss") or {}).get("echoes") or {})


def named(config: Node) -> Iterator[tuple[str, str]]:
    """(where, role) for every role that the loss and the curriculum name, as written."""
    for name, term in terms(config).items():
        for end in ("learner", "guide"):
            if isinstance(term, Mapping) and term.get(end):
                yield f"loss.terms.{name}.{end}", str(term[end])
    for name, echo in echoes(config).items():
        yield f"loss.echoes.{name}.of", str(echo["of"])
    judge = (config.get("curriculum") or {}).get("judge")
    if judge:
        yield "curriculum.judge", str(judge)
    tower = passages_of(config)
    if tower:
        yield TOWER, tower


def with_roles_named(config: dict[str, Any]) -> dict[str, Any]:
    """The config with the role `teacher` turned into the group's only role, where it has exactly one."""
    roles = list(group(config))
    if len(roles) != 1 or ONLY in echoes(config):
        return config
    return {**config, **{key: _with_role(config[key], roles[0]) for key in ("loss", "curriculum") if key in config}}


def _with_role(node: Any, role: str) -> Any:
    if not isinstance(node, Mapping):
        return node
    ends = ("learner", "guide", "of", "judge")
    return {key: role if key in ends and value == ONLY else _with_role(value, role) for key, value in node.items()}


def read(config: Node) -> set[str]:
    """The teacher roles that training reads; an echo counts as the scorer it repeats."""
    repeats = {name: str(echo["of"]) for name, echo in echoes(config).items()}
    wanted = {repeats.get(role, role) for _, role in named(config)}
    return wanted & set(group(config))


def scorers(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """(path, node) of a scorer, or of each member of an ensemble."""
    if "members" not in node:
        yield path, node
    for name, member in (node.get("members") or {}).items():
        yield from scorers(member, f"{path}.members.{name}")


def reads_text(node: Node) -> bool:
    """Whether a scorer can be asked about any passage: not one with stored scores, be they a member's."""
    return all(fact(str(one.get("_target_")), "reads_texts") is not False for _, one in scorers(node, ""))


def passages_of(config: Node) -> str | None:
    """The teacher role through which the student reads its passages."""
    role = (config.get("student") or {}).get("passages_of")
    return None if role is None else str(role)
