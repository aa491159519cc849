"""Sequence classifiers as cross-encoders: their labels, and what their folder says of the score."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrieval_kd.encoders.facts import shapes
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.foreign_modules import CONFIG, activation, read_json
from retrieval_kd.scorers.unexpressed import Unexpressed

POOLER, CLASSIFIER = "pooler", "classifier"  # the poolings of a scorer whose head is a sequence classifier's
_ENDING = "ForSequenceClassification"
_HEADS = ("classifier.", "score.", "logits_proj.", "pre_classifier.")  # their tensors, where no architecture is given


def is_classifier(folder: Path) -> bool:
    """Whether a folder holds a sequence classifier: by its architecture, else by the names of its tensors."""
    architectures = read_json(folder / "config.json", absent={}).get("architectures")
    if architectures:
        return str(architectures[0]).endswith(_ENDING)
    return any(name.startswith(_HEADS) for name in shapes(folder))


def labels(folder: Path) -> list[str]:
    """The names of a classifier's labels, in the order of its logits."""
    config = read_json(folder / "config.json")
    names = config.get("id2label") or {}
    number = len(names) or int(config.get("num_labels", 2))
    return [str(names.get(str(label), f"LABEL_{label}")) for label in range(number)]


def form(encoder: Path, folder: Path | None = None) -> dict[str, Any]:
    """The form of a classifier in a folder; `folder` is sentence-transformers' around it, where there is one."""
    config = read_json(encoder / "config.json")
    outer = {} if folder is None else read_json(folder / CONFIG, absent={})
    default = outer.get("default_prompt_name")
    if default and (outer.get("prompts") or {}).get(default):
        raise UserError(
            f"{folder}: its default prompt {default} stands before each pair, which is not read here: save it without"
        )
    names = labels(encoder)
    return {
        "pooling": POOLER if config.get("model_type") == "bert" else CLASSIFIER,
        "label": "0" if len(names) == 1 else Unexpressed(f"{encoder}: {_choice(names)}"),
        "activation": _activation(encoder, config, outer),
        "segments": True,
        "close": True,
    }


def label_number(folder: Path, label: str) -> int:
    """Which logit a label's name or number names. Raises UserError for none."""
    names = labels(folder)
    if label in names:
        return names.index(label)
    if label.isdecimal() and int(label) < len(names):
        return int(label)
    raise UserError(f"label={label}: {folder} has no such label; {_choice(names)}")


def _choice(names: list[str]) -> str:
    listed = ", ".join(f"{number} ({name})" for number, name in enumerate(names))
    return f"its classifier has {len(names)} labels, {listed}: give label=<the one whose logit is the score>"


def _activation(encoder: Path, config: Mapping[str, Any], outer: Mapping[str, Any]) -> str:
    """sentence-transformers applies it to the logits, and says which in one of three places."""
    inner = config.get("sentence_transformers") or {}
    places = (
        inner.get("activation_fn"),
        config.get("sbert_ce_default_activation_function"),
        outer.get("activation_fn"),
    )
    name = next((place for place in places if place is not None), "torch.nn.Identity")
    return activation(encoder, str(name))
