"""A backbone's weights read by `transformers`: each tensor of the folder is read or named, a missing one is refused."""

import json
import logging
import os
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import lru_cache
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from retrieval_kd.encoders.weights import check_tokenizer
from retrieval_kd.errors import UserError

_log = logging.getLogger(__name__)

Attention = Literal["eager", "sdpa"]
_HEAD = "head.safetensors"  # of a scorer that was saved here
_POOLER = "pooler."  # of a backbone whose pooled output nobody reads


def read_model(
    folder: Path, config: Any, *, attention: Attention | None, classifier: bool = False, apart: Collection[str] = ()
) -> nn.Module:
    """The backbone in a folder, or its sequence classifier whole, in float32, from safetensors alone.

    `apart` are the tensors that are read elsewhere. The others that nothing reads are named in one line on
    standard error, once a process. Raises UserError if weights are missing (but a pooler's that is not used), have
    other sizes or are not finite, or the folder has no tokenizer, or the family not this `attention` (None: sdpa where
    the family has it, else eager).
    """
    from transformers import AutoModel, AutoModelForSequenceClassification

    check_tokenizer(folder)
    auto = AutoModelForSequenceClassification if classifier else AutoModel
    options = {} if classifier else _without_pooler(config)
    wanted = _attention(folder, config, auto, attention)
    try:
        model, report = auto.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation=wanted,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            **options,
        )
    except Exception as error:  # of whatever kind the family's own code raises
        raise UserError(
            f"{folder}: transformers does not load this folder ({first_line(error)}): give one whose config.json and "
            "weights save_pretrained wrote"
        ) from error
    _refuse_missing(folder, model, report, classifier)
    _refuse_not_finite(folder, model)
    unread = sorted(set(report["unexpected_keys"]) - set(apart))
    if unread:
        tell_once(f"{folder}: nothing reads these of its weights: {', '.join(gathered(unread, model))}")
    other_files = _other_files(folder)
    if other_files:
        tell_once(f"{folder}: nothing reads {', '.join(other_files)}")
    loaded: nn.Module = model
    return loaded


def _attention(folder: Path, config: Any, auto: Any, wanted: Attention | None) -> Attention:
    """The attention to be read with: the family's best, or the one wanted."""
    kind: Any = auto._model_mapping.get(type(config), None)
    offers = all(getattr(one, "_supports_sdpa", False) for one in (kind if isinstance(kind, tuple) else (kind,)))
    if wanted == "sdpa" and not offers:
        raise UserError(
            f"attention=sdpa: the {config.model_type} of {folder} has no such attention; give eager or null"
        )
    return wanted or ("sdpa" if offers else "eager")


def _other_files(folder: Path) -> list[str]:
    """The files of weights beside those that transformers loads and a scorer's head."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    loaded = (
        {single.name} if single.exists() else set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    )
    return sorted({path.name for path in folder.glob("*.safetensors")} - loaded - {_HEAD})


@lru_cache(maxsize=256)
def tell_once(sentence: str) -> None:
    """A warning, once a process, and once where several processes run as one."""
    if os.environ.get("RANK", "0") == "0":
        _log.warning(sentence)


def gathered(names: Iterable[str], model: nn.Module) -> list[str]:
    """Names of tensors, short: those of one part of a model as that part and their number."""
    prefix, parts = f"{getattr(model, 'base_model_prefix', '')}.", defaultdict(list)
    for name in names:
        begins = prefix if name.startswith(prefix) else ""
        parts[begins + name.removeprefix(begins).split(".")[0]].append(name)
    return [members[0] if len(members) == 1 else f"{_common(members)}.* ({len(members)})" for members in parts.values()]


def _common(names: list[str]) -> str:
    """The dotted beginning that all names share."""
    columns = zip(*(name.split(".")[:-1] for name in names), strict=False)
    shared: list[str] = []
    for column in columns:
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return ".".join(shared) or names[0].split(".")[0]


def _without_pooler(config: Any) -> dict[str, Any]:
    """The option that leaves a pooler out, where the family has it."""
    from transformers import MODEL_MAPPING

    if type(config) not in MODEL_MAPPING:
        return {}
    kind: Any = MODEL_MAPPING[type(config)]  # or several
    known = not isinstance(kind, tuple) and "add_pooling_layer" in signature(kind.__init__).parameters
    return {"add_pooling_layer": False} if known else {}


def _refuse_missing(folder: Path, model: nn.Module, report: dict[str, Any], classifier: bool) -> None:
    """Raises UserError for weights that the folder lacks, or has in another size."""
    kind = type(model).__name__
    for name, have, want in sorted(report["mismatched_keys"]):
        raise UserError(
            f"{folder}: {name} is {list(have)} there, and {list(want)} in the {kind} of its config.json: give a folder "
            "whose weights fit its configuration"
        )
    missing = sorted(name for name in report["missing_keys"] if classifier or not name.startswith(_POOLER))
    if missing:
        unread = sorted(report["unexpected_keys"])
        other = f", while nothing reads {', '.join(gathered(unread, model))}" if unread else ""
        names = ", ".join(gathered(missing, model))
        raise UserError(
            f"{folder}: {len(missing)} weights of its {kind} are missing, {names}{other}: give a folder that "
            "save_pretrained wrote"
        )
    if report.get("error_msgs"):
        raise UserError(f"{folder}: transformers could not load its weights ({report['error_msgs'][0]})")


def _refuse_not_finite(folder: Path, model: nn.Module) -> None:
    for name, value in model.named_parameters():
        if not bool(value.isfinite().all()):
            count = int((~value.isfinite()).sum())
            raise UserError(
                f"{folder}: {count} of the {value.numel()} numbers of {name} are not finite: give weights that are"
            )


def first_line(error: Exception) -> str:
    """The first line of another library's error message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
