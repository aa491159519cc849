"""ColBERT's folders: Stanford's (`linear.weight` beside the backbone, artifact.metadata) and PyLate's modules."""

import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retrieval_kd.encoders.facts import shapes
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.foreign_modules import CONFIG, Module, dense_form, lengths, prompts, read_json
from retrieval_kd.scorers.unexpressed import Unexpressed

WEIGHT = "linear.weight"
_METADATA = "artifact.metadata"
_ARCHITECTURE = "HF_ColBERT"
_PYLATE = (  # keys of its config_sentence_transformers.json
    "query_prefix",
    "document_prefix",
    "do_query_expansion",
    "attend_to_expansion_tokens",
    "skiplist_words",
)
_QUERY_LENGTH = 32  # both libraries', where the folder gives none
_MAX_SIM = {"average": False, "scale": 1.0}


def is_stanford(folder: Path) -> bool:
    """Whether a folder is one of Stanford's."""
    architectures = read_json(folder / "config.json", absent={}).get("architectures") or []
    return _ARCHITECTURE in architectures or (folder / _METADATA).exists()


def is_pylate(folder: Path) -> bool:
    """Whether a folder of modules is one of PyLate's."""
    config = read_json(folder / CONFIG, absent={})
    return config.get("model_type") == "ColBERT" or any(key in config for key in _PYLATE)


def form(folder: Path) -> dict[str, Any]:
    """The form of one of Stanford's: unit token vectors, markers of one piece, queries filled up with [MASK]."""
    metadata = read_json(folder / _METADATA, absent={})
    shape = shapes(folder).get(WEIGHT)
    if shape is None:
        raise UserError(f"{folder}: it is a ColBERT without {WEIGHT}; give a folder that ColBERT saved whole")
    if metadata.get("similarity", "cosine") != "cosine":
        raise UserError(f"{folder}: it compares tokens by {metadata['similarity']}, and late interaction by products")
    return {
        "shared": True,
        "over": "real",
        "skip": _skip_option(string.punctuation if metadata.get("mask_punctuation", True) else ""),
        "projection": shape[0],
        "projection_bias": False,
        "projection_activation": "identity",
        "normalize_query": True,
        "normalize_passage": True,
        **_MAX_SIM,
        "query_length": int(metadata.get("query_maxlen") or _QUERY_LENGTH),
        **({"passage_length": int(metadata["doc_maxlen"])} if metadata.get("doc_maxlen") else {}),
        "query_marker": metadata.get("query_token_id") or "[unused0]",
        "passage_marker": metadata.get("doc_token_id") or "[unused1]",
        "pad_queries": True,
        "attend_padding": bool(metadata.get("attend_to_mask_tokens")),
        "marker_at": "after",
        "close": True,
    }


def modules_form(folder: Path, modules: Sequence[Module]) -> dict[str, Any]:
    """The form of PyLate's modules, or of sentence-transformers' for late interaction: Transformer, Dense or none, and
    what of MultiVectorMask and Normalize there is.
    """
    names = [module.name for module in modules]
    dense = next((module for module in modules if module.name == "Dense"), None)
    inner_names = [name for name in names[1:] if name not in ("MultiVectorMask", "Normalize")]
    if inner_names not in ([], ["Dense"]) or (
        "Normalize" in names and dense is not None and names.index("Dense") > names.index("Normalize")
    ):
        raise UserError(
            f"{folder}: its modules are {', '.join(names)}, and late interaction is made of Transformer, a Dense or "
            "none, MultiVectorMask or none and Normalize or none"
        )
    config = read_json(folder / CONFIG, absent={})
    pylate = is_pylate(folder)
    unit = pylate or "Normalize" in names
    return {
        "shared": True,
        "over": "real",
        "skip": _skip(folder, modules, config, pylate),
        **dense_form(folder, dense),
        "normalize_query": unit,
        "normalize_passage": unit,
        "average": config.get("similarity_fn_name") == "meanmaxsim",
        "scale": 1.0,
        **_markers(folder, modules[0], config),
        **_lengths_and_padding(folder, modules[0], config, pylate),
        "marker_at": "after",
        "close": True,
    }


def _skip(folder: Path, modules: Sequence[Module], config: Mapping[str, Any], pylate: bool) -> str:
    mask = next((module.config for module in modules if module.name == "MultiVectorMask"), None)
    if mask is not None and (
        mask.get("keep_only_token_ids") or mask.get("skiplist_tasks", ["document"]) != ["document"]
    ):
        return Unexpressed(f"{folder}: its MultiVectorMask leaves out more than words of passages: give skip=")
    listed = config.get("skiplist_words") if mask is None else mask.get("skiplist_words")
    skipped = listed if listed is not None else list(string.punctuation) if pylate else []
    return _skip_option(skipped)


def _skip_option(words: Sequence[str]) -> str:
    return "punctuation" if set(words) == set(string.punctuation) else " ".join(words)


def _markers(folder: Path, encoder: Module, config: Mapping[str, Any]) -> dict[str, Any]:
    """PyLate's prefixes stand as pieces of their own before the prompts."""
    markers = prompts(folder, encoder, config)
    for key, prefix in (
        ("query_marker", config.get("query_prefix")),
        ("passage_marker", config.get("document_prefix")),
    ):
        if prefix and not isinstance(markers[key], Unexpressed):
            markers[key] = prefix + markers[key].removeprefix(prefix)
    return markers


def _lengths_and_padding(folder: Path, encoder: Module, config: Mapping[str, Any], pylate: bool) -> dict[str, Any]:
    """Lengths, and whether queries are filled up with [MASK] and others attend to those."""
    values = {**lengths(folder, encoder)}
    for key, name in (("query_length", "query_length"), ("document_length", "passage_length")):
        if config.get(key):
            values[name] = int(config[key])
    filling = encoder.config.get("query_expansion", config.get("query_expansion"))
    if filling is None and pylate and config.get("do_query_expansion") is not False:
        attend = config.get("attend_to_expansion_tokens", config.get("attend_to_mask_tokens"))
        filling = {"strategy": "fixed", "attend": bool(attend), "length": config.get("query_length") or _QUERY_LENGTH}
    if not filling:
        return {**values, "pad_queries": False, "attend_padding": True}
    if filling["strategy"] != "fixed" or filling.get("token"):
        refused = f"{folder}: it fills queries up as {dict(filling)}, which no option does here: give pad_queries="
        return {**values, "pad_queries": Unexpressed(refused), "attend_padding": True}
    return {
        **values,
        "query_length": int(filling["length"]),
        "pad_queries": True,
        "attend_padding": bool(filling.get("attend", False)),
    }
