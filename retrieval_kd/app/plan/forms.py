"""The forms of a stage's scorers before anything loads: what an option leaves open is as the weights' folder says."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from retrieval_kd.app.plan import instantiate, roles
from retrieval_kd.app.plan.accepts import fits
from retrieval_kd.app.plan.artifact_references import REFERENCE
from retrieval_kd.app.plan.signatures import parameters
from retrieval_kd.encoders.weights import layers_to_keep, locate, spread
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.record import WRITING, Form, carried, encoder_folder, held, resolved, saved_form
from retrieval_kd.scorers.unexpressed import Unexpressed

Node = Mapping[str, Any]
MEMBERS = "members"


class Held(NamedTuple):
    """What a scorer starts from: the kind of scorer that it is (None: none that was saved here), that one's own form,
    and what it says to the scorer that starts from it. `tied`: it says so as the one whose encoders are read through.
    `folder`: where it lies, if it is there already.
    """

    kind: str | None
    whole: Form
    form: Form
    tied: bool = False
    folder: Path | None = None


def with_forms(config: Node, made_by: Mapping[str, Node]) -> dict[str, Any]:
    """The config with every scorer's form in the place of what its option leaves open: what checks look at."""
    found: dict[str, Any] = dict(config)
    if config.get("student"):
        found["student"] = _formed(config["student"], config, "student", made_by)
    if config.get("teacher"):
        found["teacher"] = {role: _formed(node, config, role, made_by) for role, node in config["teacher"].items()}
    return found


def _formed(node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> dict[str, Any]:
    if MEMBERS in node:
        return {**node, MEMBERS: {name: _formed(one, {}, name, made_by) for name, one in node[MEMBERS].items()}}
    return {**node, **form_of(node, config, role, made_by)}


def form_of(node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> dict[str, Any]:
    """What the form of a config's scorer comes to; of one that reads through another's encoders, as that writes texts.

    Weights that say nothing readable say nothing here: their fault is told for itself.
    """
    if "_target_" not in node:
        return {}
    try:
        saved = held_of(node, config, role, made_by).form
    except UserError:
        saved = {}
    return resolved(
        class_of(node).FORM, {key: value for key, value in saved.items() if could_say(node, key, value)}, node
    )


def could_say(node: Node, key: str, value: Any) -> bool:
    """Whether an option of the scorer could have this value."""
    known = parameters(node["_target_"]) or {}
    accepts = known.get(key)
    said = value is not None and not isinstance(value, Unexpressed)
    return key in known and said and (accepts is None or fits(value, accepts))


def held_of(node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> Held:
    """What a scorer starts from. Raises UserError where that cannot be read as such a scorer."""
    kind, source = class_of(node).saved_as(), source_of(node)
    if role in roles.tied(config)[1:]:
        first = roles.tied(config)[0]
        theirs = form_of(roles.everyone(config).get(first) or {}, config, first, made_by)
        return Held(None, {}, {key: theirs[key] for key in ("shared", *WRITING) if key in theirs}, tied=True)
    reference = REFERENCE.fullmatch(source or "")
    if reference is not None:
        made, other = made_by.get(reference["stage"], {}), reference["role"] or "student"
        maker = roles.everyone(made).get(other) or {}
        if "_target_" not in maker:
            return Held(None, {}, {})
        whole, of = form_of(maker, made, other, made_by), class_of(maker).saved_as()
        return Held(of, whole, carried(whole, of, kind))
    if source is None:
        return Held(None, {}, {})
    folder = locate(source)
    return Held(*held(folder), saved_form(folder, kind), folder=folder)


Layers = tuple[list[int], int]  # the blocks kept, as indices of the original backbone; how many that has


def layers_of(node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> Layers | None:
    """The blocks that a scorer keeps; None where it is not known what it starts from. Raises UserError for those that
    its backbone has not.
    """
    begun = begun_layers(node, config, role, made_by)
    if begun is None or node.get("layers") is None:
        return begun
    return spread(node["layers"], begun[1]), begun[1]


def begun_layers(node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> Layers | None:
    """The blocks of what a scorer starts from; None where that is not known, or its own fault."""
    source, tied = source_of(node), roles.tied(config)
    reference = REFERENCE.fullmatch(source or "")
    try:
        if role in tied[1:]:
            return layers_of(roles.everyone(config).get(tied[0]) or {}, config, tied[0], made_by)
        if reference is not None:
            made, other = made_by.get(reference["stage"], {}), reference["role"] or "student"
            return layers_of(roles.everyone(made).get(other) or {}, made, other, made_by)
        return None if source is None else _layers_there(encoder_folder(locate(source), "query"))
    except UserError:
        return None


def _layers_there(folder: Path) -> Layers:
    there = layers_to_keep(folder, None)[0]
    whole = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("retrieval_kd_depth")
    return there, int(whole or len(there))


def source_of(node: Node) -> str | None:
    """The weights that a scorer's node names."""
    given = node.get("checkpoint") or node.get("backbone")
    return None if given is None else str(given)


def class_of(node: Node) -> Any:
    """The class of a scorer's node. Raises UserError if no option of a scorer names it."""
    return instantiate.class_of(node, instantiate.SCORER)


def every(config: Node) -> Iterator[tuple[str, str, Node]]:
    """(path, role, node) of every scorer of a config, members of others too."""
    for role, node in roles.everyone(config).items():
        path = role if role == "student" else f"teacher.{role}"
        for where, one in roles.scorers(node, path):
            if "_target_" in one:
                yield where, role if where == path else "", one
