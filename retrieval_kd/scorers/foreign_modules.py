"""sentence-transformers' folders: modules in a row, and a dual encoder's form as their options give it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from retrieval_kd.encoders import weight_files
from retrieval_kd.encoders.facts import positions
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.unexpressed import Unexpressed

MODULES = "modules.json"
CONFIG = "config_sentence_transformers.json"
_LIBRARIES = ("sentence_transformers.", "pylate.")
_POOLINGS = {  # by sentence-transformers' name
    "cls": "cls",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_length",
    "weightedmean": "weighted_mean",
    "lasttoken": "last",
}
_OLD_POOLINGS = {  # before there was one key for it
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
ACTIVATIONS = ("identity", "tanh", "sigmoid", "relu", "gelu", "silu")  # classes of torch.nn, in lower case


class Module(NamedTuple):
    """One module of a row: its class, its folder and its configuration."""

    name: str
    folder: Path
    config: Mapping[str, Any]

    @property
    def weights(self) -> Path:
        return self.folder / "model.safetensors"

    @property
    def bias(self) -> str | None:
        return "linear.bias" if self.config.get("bias", True) else None


def read(folder: Path) -> list[Module]:
    """The modules of a folder. Raises UserError if they cannot be read, or are not classes of the known libraries."""
    modules = []
    for entry in read_json(folder / MODULES):
        if not (isinstance(entry, dict) and {"path", "type"} <= set(entry)):
            raise UserError(f"{folder / MODULES} names a module without path or type: give a folder as it was saved")
        place = folder / entry["path"]
        if not str(entry["type"]).startswith(_LIBRARIES):
            raise UserError(
                f"{folder}: the module {entry['type']} is code of its own, which is not run; give one without it"
            )
        name = str(entry["type"]).rsplit(".", 1)[-1]
        modules.append(Module(name, place, _config(name, place)))
    if not modules:
        raise UserError(f"{folder / MODULES} names no module: give a folder that sentence-transformers saved")
    return modules


def check_states(folder: Path, encoder: Module) -> None:
    """Raises UserError if a Transformer gives anything but the last states of its backbone."""
    task = encoder.config.get("transformer_task", "feature-extraction")
    text = (encoder.config.get("modality_config") or {}).get("text") or {}
    output = text.get("method_output_name", "last_hidden_state")
    if task != "feature-extraction" or output != "last_hidden_state":
        raise UserError(f"{folder}: its Transformer gives {output} of {task}; give one that gives last_hidden_state")


def _config(name: str, place: Path) -> dict[str, Any]:
    if name != "Transformer":
        return read_json(place / "config.json", absent={})
    names = sorted(place.glob("sentence_*_config.json"))
    return read_json(names[0]) if names else {}


def read_json(path: Path, absent: Any = None) -> Any:
    """What a JSON file says; `absent` where there is none. Raises UserError for what is no JSON, or not there."""
    if not path.exists() and absent is not None:
        return absent
    return weight_files.read_json(path) if path.name == MODULES else weight_files.read_object(path)


def dual_form(folder: Path, modules: Sequence[Module]) -> dict[str, Any]:
    """The form of one vector a text: Transformer, Pooling, Dense and Normalize where there are any, in this order."""
    following, dense = list(modules[1:]), None
    config = read_json(folder / CONFIG, absent={})
    pooling = following.pop(0)
    if following and following[0].name == "Dense":
        dense = following.pop(0)
    unit = bool(following) and following[0].name == "Normalize"
    superfluous = following[1:] if unit else following
    if pooling.name != "Pooling" or superfluous:
        names = ", ".join(module.name for module in modules)
        raise UserError(
            f"{folder}: its modules are {names}, and a dual scorer is made of Transformer, Pooling, a Dense or none "
            "and a Normalize or none, in this order"
        )
    return {
        "shared": True,
        "pooling": _pooling(folder, pooling.config),
        **dense_form(folder, dense),
        **_similarity(folder, config, unit),
        **lengths(folder, modules[0]),
        **prompts(folder, modules[0], config),
        "pad_queries": False,
        "marker_at": "after",
        "close": True,
    }


def _pooling(folder: Path, config: Mapping[str, Any]) -> str:
    old = [name for key, name in _OLD_POOLINGS.items() if config.get(key)]
    modes_or_mode = config.get("pooling_mode", old or ["mean"])
    modes = [modes_or_mode] if isinstance(modes_or_mode, str) else list(modes_or_mode)
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        return Unexpressed(
            f"{folder}: it joins what it pools as {', '.join(modes)}, which no pooling does here: give pooling="
        )
    if not config.get("include_prompt", True):
        return Unexpressed(
            f"{folder}: it pools without its prompt (include_prompt), which no pooling does here: give pooling="
        )
    return _POOLINGS[modes[0]]


def dense_form(folder: Path, dense: Module | None) -> dict[str, Any]:
    """The form of a linear map, or of none. Raises UserError for one that adds its input, or has no safetensors."""
    if dense is None:
        return {"projection": 0}
    if dense.config.get("use_residual"):
        raise UserError(
            f"{dense.folder}: it adds its input to what it maps (use_residual), which no projection does here"
        )
    if not dense.weights.exists():
        raise UserError(
            f"{dense.folder}: no model.safetensors in this folder (pickled weights are never loaded); save it anew"
        )
    return {
        "projection": int(dense.config["out_features"]),
        "projection_bias": dense.bias is not None,
        "projection_activation": activation(
            folder, dense.config.get("activation_function", "torch.nn.Tanh"), "projection_"
        ),
    }


def activation(folder: Path, class_name: str, before: str = "") -> str:
    """A class of torch.nn as the value of an option."""
    name = class_name.rsplit(".", 1)[-1].lower()
    if not class_name.startswith("torch.nn.") or name not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        return Unexpressed(f"{folder}: its activation is {class_name}, and {before}activation may be {known}: give one")
    return name


def _similarity(folder: Path, config: Mapping[str, Any], unit: bool) -> dict[str, Any]:
    """A cosine times the usual scale; plain products as they are."""
    name = config.get("similarity_fn_name") or "cosine"
    if name not in ("cosine", "dot"):
        refused = (
            f"{folder}: it compares by the {name} distance, and a dual scorer by products: give normalize= and scale="
        )
        return dict.fromkeys(("normalize", "scale"), Unexpressed(refused))
    return {"normalize": True} if unit or name == "cosine" else {"normalize": False, "scale": 1.0}


def lengths(folder: Path, encoder: Module) -> dict[str, Any]:
    """The longest query and passage: what the module says of each, else of any text, as far as the backbone reads."""
    tokenizer = read_json(encoder.folder / "tokenizer_config.json", absent={})
    bounds = (encoder.config.get("max_seq_length"), positions(encoder.folder))
    known = [int(bound) for bound in bounds if bound]
    if not encoder.config.get("max_seq_length") and tokenizer.get("model_max_length", 1e9) < 1e6:
        known.append(int(tokenizer["model_max_length"]))
    form = {}
    for side, key in (("query", "query_length"), ("document", "passage_length")):
        if side_length := encoder.config.get(f"{side}_length"):
            form[key] = int(side_length)
        elif known:
            form[key] = min(known)
    return form


def prompts(folder: Path, encoder: Module, config: Mapping[str, Any]) -> dict[str, Any]:
    """The texts before a query and a passage: those prompts, or the default one where there are none."""
    from retrieval_kd.scorers.foreign_prompts import marker

    if encoder.config.get("do_lower_case") and not lowers(encoder.folder):
        raise UserError(
            f"{folder}: it lowers the case of texts (do_lower_case), and its tokenizer does not: save one that does"
        )
    if encoder.config.get("processing_kwargs"):
        raise UserError(
            f"{folder}: its processing_kwargs change how texts are written, which is not read here: save it without"
        )
    texts, default = config.get("prompts") or {}, config.get("default_prompt_name")
    if default is not None and default not in texts:
        raise UserError(
            f"{folder}: its default prompt {default} is not among its prompts: {', '.join(texts) or 'none'}"
        )
    markers = {}
    for key, names in (("query_marker", ("query",)), ("passage_marker", ("document", "passage", "corpus"))):
        name = next((name for name in names if texts.get(name) is not None), default)
        markers[key] = marker(encoder.folder, texts.get(name) or "", key)
    return markers


def lowers(folder: Path) -> bool:
    """Whether a folder's tokenizer lowers the case of texts itself."""
    return bool(read_json(folder / "tokenizer_config.json", absent={}).get("do_lower_case"))
