"""Which families of backbones can be read, and which of their blocks kept, by config.json alone: without torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retrieval_kd.encoders.weight_files import read_object
from retrieval_kd.errors import UserError

Config = Mapping[str, Any]
_GIVE = "give an encoder such as bert, roberta, mpnet, deberta-v2 or modernbert"
_WITH_DECODER = frozenset({"bart", "led", "longt5", "marian", "mbart", "mt5", "pegasus", "switch_transformers"})
_WITH_DECODER |= {"t5", "t5gemma", "umt5"}
_DECODERS = frozenset({"bloom", "codegen", "cohere", "falcon", "gemma", "gemma2", "gemma3", "gemma3_text", "glm"})
_DECODERS |= {"gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "granite", "llama", "mamba", "ministral", "mistral"}
_DECODERS |= {"mixtral", "modernbert-decoder", "olmo", "olmo2", "opt", "phi", "phi3", "qwen2", "qwen2_moe", "qwen3"}
_DECODERS |= {"qwen3_moe", "smollm3", "stablelm", "starcoder2", "xglm"}
_FIRST_IS_OTHER = frozenset({"modernbert"})  # its first block has no norm before its attention, every other has
_DEPTH = ("num_hidden_layers", "n_layers", "num_layers", "n_layer")


def config_of(folder: Path) -> dict[str, Any]:
    """What a backbone's config.json says."""
    return read_object(folder / "config.json")


def check_family(folder: Path) -> None:
    """Raises UserError for a family whose tokenizers have no pieces that open and close a text, and no mask: decoders,
    and encoders that have a decoder.
    """
    config = config_of(folder)
    kind = config.get("model_type")
    if kind in _WITH_DECODER or config.get("is_encoder_decoder"):
        architecture = "an encoder with a decoder"
    elif kind in _DECODERS or _reads_one_way(config):
        architecture = "a decoder, which reads from left to right"
    else:
        return
    raise UserError(
        f"{folder}: its config.json says {kind}, {architecture}, whose tokenizer has no pieces such as [CLS] and [SEP] "
        f"around a text; {_GIVE}"
    )


def _reads_one_way(config: Config) -> bool:
    """Whether a configuration says that it is a decoder's; one that may be both says so of itself."""
    named = any(str(name).endswith("ForCausalLM") for name in config.get("architectures") or ())
    return bool(config.get("is_decoder")) or (named and "is_decoder" not in config)


def depth_of(folder: Path, config: Config) -> int:
    """How many blocks a configuration says. Raises UserError if it says no number."""
    depth = next((config[key] for key in _DEPTH if isinstance(config.get(key), int)), 0)
    if depth < 1:
        raise UserError(
            f"{folder}: its config.json, of model_type {config.get('model_type')}, says no number of layers "
            f"({_DEPTH[0]}); {_GIVE}"
        )
    return int(depth)


def check_cut(config: Config, places: Sequence[int], depth: int) -> None:
    """Raises UserError if the blocks at these places do not make a backbone of the same family.

    A first block that is built otherwise must stay first; blocks that share weights by groups must keep their groups,
    as the family finds a block's group by its place.
    """
    kind, groups = config.get("model_type"), int(config.get("num_hidden_groups") or 1)
    if kind in _FIRST_IS_OTHER and places[0] != 0:
        raise UserError(
            f"layers={list(places)}: the first block of {kind} is built otherwise than the rest, so it must be kept; "
            "give layers that begin with 0"
        )
    before = [int(place / (depth / groups)) for place in places]
    after = [int(place / (len(places) / groups)) for place in range(len(places))]
    if before != after:
        raise UserError(
            f"layers={list(places)}: the {depth} blocks of {kind} share {groups} groups of weights, and these are of "
            f"groups {before} where a backbone of {len(places)} has {after}; give as many of each group, or null"
        )
