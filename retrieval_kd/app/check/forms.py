"""What is refused of a scorer's form, and the notes of a plan on it: heads that do not fit, values that change it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from retrieval_kd.app.check.form_options import form_option_problems
from retrieval_kd.app.check.scorers import segment_problems
from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.artifact_references import REFERENCE
from retrieval_kd.app.plan.forms import (
    StartingPoint,
    can_be_set,
    class_of,
    every_scorer,
    form_of,
    initial_layers,
    layers_of,
    source_of,
    starting_point,
)
from retrieval_kd.app.plan.signatures import parameters
from retrieval_kd.app.plan.stage import Stage
from retrieval_kd.encoders.weights import HubUnreachable
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.foreign_cross import is_classifier
from retrieval_kd.scorers.record import ASYMMETRIC, CROSS, HEAD_FILE, RECORD, encoder_folder, resolved
from retrieval_kd.scorers.unexpressed import Unexpressed

Node = Mapping[str, Any]


def form_problems(config: Node, made_by: Mapping[str, Node]) -> Iterator[str]:
    """Weights that cannot be read as the scorer that is to start from them, heads that do not fit those saved there."""
    for path, role, node in every_scorer(config):
        try:
            start = starting_point(node, config, role, made_by)
            resolved(class_of(node).FORM, start.form, node)
        except HubUnreachable:
            continue  # reported once for all scorers that begin with it
        except UserError as error:
            yield f"{path}: {error}"
            continue
        wrong = [*_record_problems(path, node, start), *_passage_tower_problems(path, node, start)]
        yield from wrong
        if not wrong:
            form, learns = form_of(node, config, role, made_by), role in roles.learners(config)
            yield from _head_problems(path, node, start, form, learns)
            yield from _layer_problems(path, node, start, config, role, made_by)
            yield from form_option_problems(path, node, form, start.folder)
            yield from segment_problems(path, node, made_by)


def _record_problems(path: str, node: Node, start: StartingPoint) -> Iterator[str]:
    """What a folder says of a form and no option could say."""
    for key, value in start.form.items():
        if isinstance(value, Unexpressed):
            continue  # refused where nothing takes its place
        where = f"{path}: the form in {_source(node)} has {key}={_shown(value)}"
        if key not in class_of(node).FORM:
            yield f"{where}, and no {class_of(node).saved_as()} scorer has {key}"
        elif not can_be_set(node, key, value):
            accepts = (parameters(node["_target_"]) or {})[key]
            yield f"{where}: give {accepts and accepts._replace(null=False)}"


def _passage_tower_problems(path: str, node: Node, start: StartingPoint) -> Iterator[str]:
    """A checkpoint of an asymmetric student that holds no passages' tower."""
    if class_of(node).saved_as() == ASYMMETRIC and node.get("checkpoint") and start.kind != ASYMMETRIC:
        yield (
            f"{path}.checkpoint={node['checkpoint']}: no asymmetric scorer was saved there, so it holds no passage "
            f"tower; to start the query tower from it set {path}.backbone={node['checkpoint']}"
        )


def _head_problems(path: str, node: Node, start: StartingPoint, form: Mapping[str, Any], learns: bool) -> Iterator[str]:
    """A head other than the one that was saved; one where none was saved that nobody is to train."""
    kind = class_of(node)
    if kind.HEAD not in start.form:
        return
    saved, wanted = kind.head_of(start.form), kind.head_of(form)
    if saved and start.folder is not None and not _head_there(start.folder, start.kind):
        yield f"{path}: {start.folder} says {saved}, and {HEAD_FILE} with its weights is not there: give all of it"
    elif saved != wanted and not (learns and not saved):
        difference = (
            f"{path}.{kind.HEAD}={_shown(form[kind.HEAD])}: {_source(node)} has the head of {saved or 'no projection'}"
        )
        why = "which this would drop" if saved else "and nobody trains a new one, so it would be noise"
        yield f"{difference}, {why}: set {path}.{kind.HEAD}={_shown(start.form[kind.HEAD])}, or null"


def _layer_problems(
    path: str, node: Node, start: StartingPoint, config: Node, role: str, made_by: Mapping[str, Node]
) -> Iterator[str]:
    """Layers that an earlier stage does not keep (those of a folder are looked at with its positions, and a tied role
    may have none of its own).
    """
    initial = None if start.folder is not None or start.tied else initial_layers(node, config, role, made_by)
    if initial is None:
        return
    try:
        wanted = layers_of(node, config, role, made_by)
    except UserError as error:
        yield f"{path}.{error}"
        return
    layers, depth = initial
    if wanted != initial and len(layers) != depth:
        mismatch = f"{path}.layers={_shown(node['layers'])}: {_source(node)} keeps layers {layers} of {depth}"
        yield f"{mismatch}: set {path}.layers={layers}, or null"


def _head_there(folder: Path, kind: str | None) -> bool:
    """Whether a scorer that was saved with a head has its weights: a file of their own, or a classifier's."""
    if not (folder / RECORD).exists() or (folder / HEAD_FILE).exists():
        return True
    return kind == CROSS and is_classifier(encoder_folder(folder, "query"))


def form_notes(stages: Sequence[Stage]) -> list[str]:
    """A sentence for each value that changes a trained form, and for what is not read of another kind of scorer."""
    made_by = {stage.name: stage.config for stage in stages}
    names_by_sentence: dict[str, list[str]] = {}
    for stage in stages:
        for path, role, node in every_scorer(stage.config):
            try:
                start = starting_point(node, stage.config, role, made_by)
            except UserError:
                continue  # of weights that were not reached
            form = form_of(node, stage.config, role, made_by)
            cut = _cut_notes(path, node, start, stage.config, role, made_by)
            for sentence in (
                *_change_notes(path, node, start),
                *_unread_notes(path, node, start, form, stage.config),
                *cut,
            ):
                names_by_sentence.setdefault(sentence, []).append(stage.name)
    return [f"{', '.join(names)}: {sentence}" for sentence, names in names_by_sentence.items()]


def _change_notes(path: str, node: Node, start: StartingPoint) -> Iterator[str]:
    for key, before in () if start.tied else start.form.items():
        now = node.get(key)
        if now is not None and now != before and not isinstance(before, Unexpressed):
            yield f"{path}.{key}={_shown(now)} changes the form of {_source(node)}, which has {_shown(before)}"


def _cut_notes(
    path: str, node: Node, start: StartingPoint, config: Node, role: str, made_by: Mapping[str, Node]
) -> Iterator[str]:
    """Layers that were trained and are left out. A recipe that cuts a scorer out of what a stage makes means it so, if
    it is of another kind or is trained once it is cut.
    """
    if start.folder is None and (start.kind != class_of(node).saved_as() or role in roles.learners(config)):
        return
    initial, wanted = initial_layers(node, config, role, made_by), layers_of(node, config, role, made_by)
    if start.kind is not None and initial and wanted and wanted != initial:
        cut = f"{path}.layers={_shown(node['layers'])} keeps {len(wanted[0])} of the {len(initial[0])} layers"
        yield f"{cut} that {_source(node)} was trained with"


def _unread_notes(path: str, node: Node, start: StartingPoint, form: Mapping[str, Any], config: Node) -> Iterator[str]:
    """What is not read of the weights that a scorer starts from."""
    kind, whole = class_of(node).saved_as(), start.whole
    if start.kind not in (None, kind):
        head = [f"its head of projection={_shown(whole['projection'])}"] if whole.get("projection") else []
        tower = ["its passages' encoder"] if whole.get("shared") is False and form.get("shared", True) else []
        lost = f", not {' nor '.join([*head, *tower])}" if head or tower else ""
        if lost or start.folder is not None:  # (a recipe that goes on from another kind and loses nothing means it so)
            yield f"{path} is {kind} and starts from {_source(node)}, which is {start.kind}: its encoder is read{lost}"
    elif kind == ASYMMETRIC and start.kind == kind and (role := str(node["passages_of"])) in roles.group(config):
        yield f"{path} reads passages through teacher.{role}, not through the passages' tower in {_source(node)}"


def _source(node: Node) -> str:
    source = source_of(node) or ""
    reference = REFERENCE.fullmatch(source)
    if reference is None:
        return source
    return f"what {reference['stage']} makes" + (f" of {reference['role']}" if reference["role"] else "")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)
