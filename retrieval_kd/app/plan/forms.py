"""The forms of a stage's scorers before anything loads: what an option leaves open is as the weights' folder says."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from retrieval_kd.app.plan import instantiate, roles
from retrieval_kd.app.plan.accepts import fits
from retrieval_kd.app.plan.artifact_references import REFERENCE
from retrieval_kd.app.plan.signatures import parameters
from retrieval_kd.encoders.families import config_of
from retrieval_kd.encoders.weights import layers_to_keep, locate, spread
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.record import (
    WRITING,
    Form,
    encoder_folder,
    form_for_kind,
    kind_and_form,
    resolved,
    saved_form,
)
from retrieval_kd.scorers.unexpressed import Unexpressed

Node = Mapping[str, Any]
MEMBERS = "members"


class StartingPoint(NamedTuple):
    """What a scorer starts from: its `kind` of scorer (None: none that was saved here), its own form (`whole`), and the
    `form` that it hands on to the scorer that starts from it. `tied`: it is the one whose encoders are read through.
    `folder`: where it lies, if it is there already.
    """

    kind: str | None
    whole: Form
    form: Form
    tied: bool = False
    folder: Path | None = None


def with_forms(config: Node, made_by: Mapping[str, Node]) -> dict[str, Any]:
    """The config with every scorer's form in the place of what its option leaves open: what checks look at."""
    completed: dict[str, Any] = dict(config)
    if config.get("student"):
        completed["student"] = _with_form(config["student"], config, "student", made_by)
    if config.get("teacher"):
        completed["teacher"] = {
            role: _with_form(node, config, role, made_by) for role, node in config["teacher"].items()
        }
    return completed


def _with_form(node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> dict[str, Any]:
    if MEMBERS in node:
        return {
            **node,
            MEMBERS: {name: _with_form(member, {}, name, made_by) for name, member in node[MEMBERS].items()},
        }
    return {**node, **form_of(node, config, role, made_by)}


def form_of(node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> dict[str, Any]:
    """What the form of a config's scorer comes to; of one that reads through another's encoders, as that writes texts.

    Weights that cannot be read add nothing here: they are refused by a check of their own.
    """
    if "_target_" not in node:
        return {}
    try:
        saved = starting_point(node, config, role, made_by).form
    except UserError:
        saved = {}
    return resolved(
        class_of(node).FORM, {key: value for key, value in saved.items() if can_be_set(node, key, value)}, node
    )


def can_be_set(node: Node, key: str, value: Any) -> bool:
    """Whether an option of the scorer may have this value."""
    known = parameters(node["_target_"]) or {}
    accepts = known.get(key)
    has_value = value is not None and not isinstance(value, Unexpressed)
    return key in known and has_value and (accepts is None or fits(value, accepts))


def starting_point(node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> StartingPoint:
    """What a scorer starts from. Raises UserError where that cannot be read as such a scorer."""
    kind, source = class_of(node).saved_as(), source_of(node)
    if role in roles.tied(config)[1:]:
        first = roles.tied(config)[0]
        first_form = form_of(roles.scorers_by_role(config).get(first) or {}, config, first, made_by)
        return StartingPoint(
            None, {}, {key: first_form[key] for key in ("shared", *WRITING) if key in first_form}, tied=True
        )
    reference = REFERENCE.fullmatch(source or "")
    if reference is not None:
        maker_config, maker_role = made_by.get(reference["stage"], {}), reference["role"] or "student"
        maker = roles.scorers_by_role(maker_config).get(maker_role) or {}
        if "_target_" not in maker:
            return StartingPoint(None, {}, {})
        whole, maker_kind = form_of(maker, maker_config, maker_role, made_by), class_of(maker).saved_as()
        return StartingPoint(maker_kind, whole, form_for_kind(whole, maker_kind, kind))
    if source is None:
        return StartingPoint(None, {}, {})
    folder = locate(source)
    return StartingPoint(*kind_and_form(folder), saved_form(folder, kind), folder=folder)


Layers = tuple[list[int], int]  # the blocks that a scorer has, as indices of the original backbone; how many that has


def layers_of(node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> Layers | None:
    """The blocks that a scorer has; None where it is not known what it starts from. Raises UserError for those that
    its backbone has not.
    """
    initial = initial_layers(node, config, role, made_by)
    if initial is None or node.get("layers") is None:
        return initial
    return spread(node["layers"], initial[1]), initial[1]


def initial_layers(node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> Layers | None:
    """The blocks of what a scorer starts from; None where that is not known, or refused by another check."""
    source, tied = source_of(node), roles.tied(config)
    reference = REFERENCE.fullmatch(source or "")
    try:
        if role in tied[1:]:
            return layers_of(roles.scorers_by_role(config).get(tied[0]) or {}, config, tied[0], made_by)
        if reference is not None:
            maker_config, maker_role = made_by.get(reference["stage"], {}), reference["role"] or "student"
            return layers_of(
                roles.scorers_by_role(maker_config).get(maker_role) or {}, maker_config, maker_role, made_by
            )
        return None if source is None else _layers_in(encoder_folder(locate(source), "query"))
    except UserError:
        return None


def _layers_in(folder: Path) -> Layers:
    layers = layers_to_keep(folder, None)[0]
    depth = config_of(folder).get("retrieval_kd_depth")
    return layers, int(depth or len(layers))


def source_of(node: Node) -> str | None:
    """The weights that a scorer's node names."""
    weights = node.get("checkpoint") or node.get("backbone")
    return None if weights is None else str(weights)


def class_of(node: Node) -> Any:
    """The class of a scorer's node. Raises UserError if no option of a scorer names it."""
    return instantiate.class_of(node, instantiate.SCORER)


def every_scorer(config: Node) -> Iterator[tuple[str, str, Node]]:
    """(path, role, node) of every scorer of a config, members of others too."""
    for role, node in roles.scorers_by_role(config).items():
        path = role if role == "student" else f"teacher.{role}"
        for where, scorer in roles.scorers(node, path):
            if "_target_" in scorer:
                yield where, role if where == path else "", scorer
