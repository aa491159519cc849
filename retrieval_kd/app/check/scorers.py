"""What is refused of a scorer: layers that its backbone has not, texts that it cannot hold, a dropout that is none."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.artifact_references import REFERENCE
from retrieval_kd.app.plan.class_facts import fact
from retrieval_kd.encoders.facts import lacks_segments, positions
from retrieval_kd.errors import UserError

Node = Mapping[str, Any]
SHORTEST = 3  # tokens: a word between two special ones


def scorer_problems(config: Node, made_by: Mapping[str, Node]) -> Iterator[str]:
    """The problems of every scorer of a stage's config, members of others too; `made_by` are the configs of stages by
    name, for a checkpoint that one of them is yet to make.
    """
    nodes = {"student": config.get("student") or {}}
    nodes |= {f"teacher.{role}": node for role, node in (config.get("teacher") or {}).items()}
    for path, node in nodes.items():
        for where, scorer in roles.scorers(node, path):
            yield from _number_problems(where, scorer)
            yield from _backbone_problems(where, scorer, made_by)


def _number_problems(path: str, node: Node) -> Iterator[str]:
    for key in ("query_length", "passage_length"):
        if key in node and node[key] < SHORTEST:
            yield f"{path}.{key}={node[key]}: give at least {SHORTEST}, as special tokens count"
    if node.get("projection", 0) < 0:
        yield f"{path}.projection={node['projection']}: give a number of components, or 0 for none"
    scale = node.get("scale") if "backbone" in node else None  # (scores in a file may be distances)
    if scale is not None and scale <= 0:
        yield f"{path}.scale={scale}: give a number above 0, as 0 ties all scores and one below turns them round"
    for key in ("dropout", "head_dropout"):
        if isinstance(share := node.get(key), int | float) and not 0 <= share < 1:
            yield f"{path}.{key}={share}: give a number from 0 on, below 1"


def _backbone_problems(path: str, node: Node, made_by: Mapping[str, Node]) -> Iterator[str]:
    """What a backbone or checkpoint does not have: room for so long a text, or layers, where it is there already."""
    from retrieval_kd.encoders.weights import HubUnreachable, layers_to_keep, locate
    from retrieval_kd.scorers.record import encoder_folder

    weights = _initial_weights(node, made_by)
    if "layers" not in node or weights is None:
        return
    try:
        folder = encoder_folder(locate(weights), "query")
        yield from _length_problems(path, node, weights, folder)
        if weights == _source(node):
            yield from _attention_layer_problems(path, node, len(layers_to_keep(folder, node["layers"])[0]))
    except HubUnreachable:
        return  # reported once for all scorers that begin with it
    except UserError as error:
        message = str(error)
        named = next((key for key in ("checkpoint", "backbone") if node.get(key) == weights), None)
        place = path if named is None else f"{path}.{named}={weights}"
        yield f"{path}.{message}" if message.startswith("layers=") else f"{place}: {message}"


def segment_problems(path: str, node: Node, made_by: Mapping[str, Node]) -> Iterator[str]:
    """Segments that are asked for of a backbone that has none; left open, there are those that it has."""
    from retrieval_kd.encoders.weights import locate
    from retrieval_kd.scorers.record import encoder_folder

    weights = _initial_weights(node, made_by)
    if node.get("segments") is not True or weights is None:
        return
    with suppress(UserError):  # refused by a check of its own
        if lacks_segments(encoder_folder(locate(weights), "query")):
            yield f"{path}.segments=true: {weights} has no segments (token types); leave it null"


def encoder_begun(node: Node, made_by: Mapping[str, Node]) -> Path | None:
    """The folder of the encoder that a scorer goes back to; None where that is not known, or refused for itself."""
    from retrieval_kd.encoders.weights import locate
    from retrieval_kd.scorers.record import encoder_folder

    weights = _initial_weights(node, made_by)
    with suppress(UserError):
        return None if weights is None else encoder_folder(locate(weights), "query")
    return None


def _initial_weights(node: Node, made_by: Mapping[str, Node]) -> str | None:
    """The weights that a scorer goes back to, through the stages that train it; None where they are not known."""
    source = _source(node)
    while (reference := REFERENCE.fullmatch(source or "")) is not None:
        config, role = made_by.get(reference["stage"], {}), reference["role"] or "student"
        tied = (config.get("loss") or {}).get("tied") or []
        scorers = {**(config.get("teacher") or {}), "student": config.get("student") or {}}
        source = _source(scorers.get(tied[0] if role in tied else role) or {})
    return source


def _source(node: Node) -> str | None:
    weights = node.get("checkpoint") or node.get("backbone")
    return None if weights is None else str(weights)


def _length_problems(path: str, node: Node, source: str, folder: Path) -> Iterator[str]:
    """Texts longer than the backbone has positions for; a cross-encoder reads both of a pair in one text."""
    longest = positions(folder)
    lengths = {key: int(node[key]) for key in ("query_length", "passage_length") if key in node}
    if longest is None:
        return
    if fact(str(node["_target_"]), "reads_pairs"):
        if sum(lengths.values()) > longest:
            both = " and ".join(f"{path}.{key}={length}" for key, length in lengths.items())
            yield f"{both}: {source} reads {longest} tokens at most, the pair in one text: let their sum be {longest}"
        return
    for key, length in lengths.items():
        if length > longest:
            yield f"{path}.{key}={length}: {source} reads {longest} tokens at most; give up to {longest}"


def _attention_layer_problems(path: str, node: Node, depth: int) -> Iterator[str]:
    """A block that is to show its attention and is not there."""
    layer = node.get("attention_layer", 0)
    if not -depth <= layer < depth:
        yield f"{path}.attention_layer={layer}: the encoder has {depth} layers; give one from {-depth} to {depth - 1}"
