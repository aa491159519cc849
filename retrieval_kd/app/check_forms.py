"""What is refused of a scorer's form, and what a plan tells of it: heads that do not fit, words that change it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrieval_kd.app import roles
from retrieval_kd.app.forms import Held, every, form_of, held_of, kind_of, source_of
from retrieval_kd.app.stage import Stage
from retrieval_kd.app.wiring import REFERENCE
from retrieval_kd.encoders.weights import Unreached
from retrieval_kd.text.fault import Fault

Node = Mapping[str, Any]


def form_faults(config: Node, made_by: Mapping[str, Node]) -> Iterator[str]:
    """Weights that cannot be read as the scorer that is to start from them, heads that do not fit those saved there."""
    for path, role, node in every(config):
        try:
            held = held_of(node, config, role, made_by)
        except Unreached:
            continue  # told once for all scorers that begin with it
        except Fault as fault:
            yield f"{path}: {fault}"
            continue
        yield from _head_faults(path, node, held, form_of(node, config, role, made_by), role in roles.learners(config))


def _head_faults(path: str, node: Node, held: Held, form: Mapping[str, Any], learns: bool) -> Iterator[str]:
    """A head other than the one that was saved; one where none was saved that nobody is to train."""
    kind = kind_of(node)
    if kind.HEAD not in held.form:
        return
    saved, wanted = kind.head_of(held.form), kind.head_of(form)
    if saved == wanted or (learns and not saved):
        return
    said = f"{path}.{kind.HEAD}={_said(form[kind.HEAD])}: {_source(node)} has the head of {saved or 'no projection'}"
    why = "which this would drop" if saved else "and nobody trains a new one, so it would be noise"
    yield f"{said}, {why}: say {path}.{kind.HEAD}={_said(held.form[kind.HEAD])}, or null"


def form_notes(stay: Sequence[Stage]) -> list[str]:
    """A sentence for each value that changes a trained form, and for what is left aside of another kind of scorer."""
    made_by = {stage.name: stage.config for stage in stay}
    told: dict[str, list[str]] = {}
    for stage in stay:
        for path, role, node in every(stage.config):
            for sentence in _notes(path, node, stage.config, role, made_by):
                told.setdefault(sentence, []).append(stage.name)
    return [f"{', '.join(names)}: {sentence}" for sentence, names in told.items()]


def _notes(path: str, node: Node, config: Node, role: str, made_by: Mapping[str, Node]) -> Iterator[str]:
    try:
        held = held_of(node, config, role, made_by)
    except Fault:
        return  # of weights that were not reached
    changed = {key: (node[key], value) for key, value in held.form.items() if node.get(key) is not None}
    for key, (now, before) in changed.items():
        if now != before and role not in roles.tied(config)[1:]:
            yield f"{path}.{key}={_said(now)} changes the form of {_source(node)}, which has {_said(before)}"
    kind = kind_of(node).saved_as()
    if held.kind not in (None, kind):
        lost = [*_other_head(held), *_other_tower(held, form_of(node, config, role, made_by))]
        if lost:
            parts = " and ".join(lost)
            yield f"{path} is {kind} and starts from {_source(node)}, which is {held.kind}: it does not read {parts}"


def _other_head(held: Held) -> list[str]:
    projection = held.whole.get("projection")
    return [f"its head of projection={_said(projection)}"] if projection else []


def _other_tower(held: Held, form: Mapping[str, Any]) -> list[str]:
    return ["its passages' encoder"] if held.whole.get("shared") is False and form.get("shared", True) else []


def _source(node: Node) -> str:
    source = source_of(node) or ""
    found = REFERENCE.fullmatch(source)
    if found is None:
        return source
    return f"what {found['stage']} makes" + (f" of {found['role']}" if found["role"] else "")


def _said(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)
