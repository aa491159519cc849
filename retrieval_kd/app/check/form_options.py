"""What is refused of a scorer's option, as it does nothing there."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retrieval_kd.app.plan.forms import source_of
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.foreign_cross import CLASSIFIER, POOLER, is_classifier, label_number
from retrieval_kd.scorers.record import encoder_folder

Node = Mapping[str, Any]
_NEEDED = {  # by key, another one without which it does nothing
    "projection_bias": "projection",
    "projection_activation": "projection",
    "attend_padding": "pad_queries",
}


def form_option_problems(path: str, node: Node, form: Mapping[str, Any], folder: Path | None) -> Iterator[str]:
    """A value that another one of the form leaves without effect; a label that the classifier in a folder has not."""
    for key, needed in _NEEDED.items():
        if node.get(key) is not None and not form[needed]:
            no_effect = (
                f"{path}.{key}={json.dumps(node[key])} has no effect, as {path}.{needed}={json.dumps(form[needed])}"
            )
            yield f"{no_effect}: leave it null"
    markers = [key for key in ("query_marker", "passage_marker") if key in form]
    if node.get("marker_at") is not None and not any(form[key] for key in markers):
        no_effect = f"{path}.marker_at={node['marker_at']} has no effect, as there is no marker"
        yield f"{no_effect}: give {' or '.join(f'{path}.{key}' for key in markers)}, or leave it null"
    if node.get("label") is not None:
        yield from _label_problems(path, node, form, None if folder is None else encoder_folder(folder, "query"))


def _label_problems(path: str, node: Node, form: Mapping[str, Any], encoder: Path | None) -> Iterator[str]:
    if encoder is not None and is_classifier(encoder):
        try:
            label_number(encoder, str(node["label"]))
        except UserError as error:
            yield f"{path}.{error}"
    elif form["pooling"] not in (POOLER, CLASSIFIER):
        no_effect = f"{path}.label={node['label']} has no effect, as {source_of(node)} holds no sequence classifier"
        yield f"{no_effect}: leave it null"
