"""What a folder says of the scorer in it: its kind, where its encoders lie, and its form. Without torch, for plans."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrieval_kd.encoders.weight_files import read_json
from retrieval_kd.encoders.weights import encoder_within
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.foreign import foreign
from retrieval_kd.scorers.unexpressed import expressed

Form = Mapping[str, Any]  # key of an option → value: all that a scorer is beside its weights, dropout aside
RECORD, HEAD_FILE = (
    "scorer.json",
    "head.safetensors",
)  # of a saved scorer: what it is, and its weights beside the encoders
_MARKERS = ("query_marker", "passage_marker")
WRITING = ("query_length", "passage_length", *_MARKERS, "marker_at", "pad_queries", "close", "join")
_TOWERS = ("shared", *WRITING)  # what goes with encoders into a scorer of another kind
OF_PASSAGES = ("passage_length", "passage_marker", "join")  # of these, what does not concern queries
_QUERIES = tuple(key for key in WRITING if key not in OF_PASSAGES)  # what goes into another query tower
CROSS, ASYMMETRIC = "cross", "asymmetric"


def saved_form(folder: Path, kind: str) -> dict[str, Any]:
    """What a folder says of the form of a scorer of this kind; nothing, where it holds a plain backbone.

    Raises UserError if what was saved there cannot be read as one.
    """
    saved_kind, form = kind_and_form(folder)
    try:
        return {} if saved_kind is None else form_for_kind(form, saved_kind, kind)
    except UserError as error:
        raise UserError(f"{folder}: {error}") from None


def kind_and_form(folder: Path) -> tuple[str | None, Form]:
    """(the kind of scorer in a folder, its form as far as the folder gives it): one that was saved here, or another
    library's; (None, nothing) for a plain backbone.
    """
    record = read_record(folder)
    if record:
        return record["kind"], record["form"]
    other = foreign(folder)
    return (None, {}) if other is None else (other.kind, other.form)


def form_for_kind(form: Form, from_kind: str, to_kind: str) -> dict[str, Any]:
    """What the form of one kind of scorer says to another kind that starts from its encoders: how texts are written.

    A pair is one text to a cross-encoder, so nothing goes there or comes from there. Raises UserError where passages
    are not read by the scorer's own encoder.
    """
    if from_kind == to_kind:
        return dict(form)
    if from_kind == ASYMMETRIC:
        raise UserError(
            f"an asymmetric scorer was saved there, a query tower over another's passages, and no {to_kind} one: set "
            "student=asymmetric, or give the folder passages inside it"
        )
    if CROSS in (from_kind, to_kind):
        return {}
    one_vector = ("pooling", "normalize") if from_kind == "dual" else ()
    keys = (*one_vector, *_QUERIES) if to_kind == ASYMMETRIC else _TOWERS
    return {key: value for key, value in form.items() if key in keys}


def resolved(defaults: Form, saved: Form, arguments: Form) -> dict[str, Any]:
    """The form, by key: the argument, or where it is null what is saved, else the default. Raises UserError where the
    argument is null and what is saved cannot be expressed.
    """
    return {
        key: value if (value := arguments.get(key)) is not None else expressed(saved.get(key, default))
        for key, default in defaults.items()
    }


def writing(form: Form) -> dict[str, Any]:
    """What of a form is a field of Tokenisation, where a marker that is no text is none."""
    markers = {key: form[key] or None for key in _MARKERS if key in form}
    return {**{key: form[key] for key in WRITING if key in form}, **markers}


def write_record(folder: Path, *, kind: str, encoders: Mapping[str, str], form: Form) -> None:
    """What a saved scorer is."""
    record = {"kind": kind, "encoders": dict(encoders), "form": dict(form)}
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a saved scorer; empty for a plain backbone. Raises UserError if it is none, or lacks the form."""
    path = folder / RECORD
    if not path.exists():
        return {}
    record = read_json(path)
    lacking = {"kind", "encoders", "form"} - set(record if isinstance(record, dict) else ())
    if lacking:
        raise UserError(
            f"{path} does not say {' and '.join(sorted(lacking))}, so the scorer cannot be opened as it was trained: "
            "give one that this version saved"
        )
    towers = record["encoders"]
    whole = isinstance(record["kind"], str) and isinstance(record["form"], dict) and isinstance(towers, dict)
    if not (whole and towers and all(isinstance(tower, str) for tower in towers.values())):
        raise UserError(
            f"{path} says no kind as a text, no form by key, or no encoders by name: give one that this version saved"
        )
    return dict(record)


def encoder_folder(folder: Path, name: str) -> Path:
    """Where a saved scorer's encoder lies (in another role's folder, if it was tied); a plain backbone is its own
    encoder.

    A scorer saved with one encoder gives it under every name, so that separate towers may start from shared ones.
    """
    record = read_record(folder)
    if not record:
        return encoder_within(folder)
    towers = record["encoders"]
    return (folder / towers.get(name, next(iter(towers.values()), "."))).resolve()
