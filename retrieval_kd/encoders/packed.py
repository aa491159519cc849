"""Variable-length attention: the real tokens of a group end to end, so that no padding is computed.

On a GPU a step's texts of all lengths fit into one group, and padding them to the longest would cost as much again.
torch's own kernel (torch.nn.attention.varlen, FlashAttention inside) reads texts by their bounds, in half precision.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

from retrieval_kd.batch.tokens import Tokens

_NAME = "retrieval_kd_packed"  # of the attention, in transformers' registry
_HALVES = (torch.float16, torch.bfloat16)
_LARGEST_HEAD = 256  # components, a multiple of 8: the kernel's limits


def can_pack(backbone: nn.Module) -> bool:
    """Whether this backbone can be run on packed texts: its attention can be exchanged, and its positions are absolute
    and may be given by the caller, and no layer mixes neighbours (as MobileBERT's embeddings do).
    """
    config: Any = backbone.config
    return (
        getattr(backbone, "_supports_attention_backend", False)
        and not getattr(config, "is_decoder", False)
        and not getattr(config, "trigram_input", False)
        and _positions(backbone) is not None
        and "position_ids" in signature(backbone.forward).parameters
    )


def _positions(backbone: nn.Module) -> nn.Embedding | None:
    table = getattr(getattr(backbone, "embeddings", None), "position_embeddings", None)
    return table if isinstance(table, nn.Embedding) else None


def _first_position(backbone: nn.Module) -> int:
    """The position of a text's first token: behind that of padding, where there is one."""
    table = _positions(backbone)
    return 0 if table is None or table.padding_idx is None else table.padding_idx + 1


def has_kernel(backbone: nn.Module, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this device has the kernel for what is computed now: CUDA, half precision, no dropout of attention."""
    if device.type != "cuda":
        return False
    config: Any = backbone.config
    size = config.hidden_size // config.num_attention_heads
    kind = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else dtype
    dropped = any(getattr(config, name, 0.0) for name in ("attention_probs_dropout_prob", "attention_dropout"))
    return (
        kind in _HALVES
        and size % 8 == 0
        and size <= _LARGEST_HEAD
        and not (backbone.training and dropped)
        and _kernel(device)
    )


@lru_cache
def _kernel(device: torch.device) -> bool:
    """Whether torch has the kernel with the arguments that are given to it, and the GPU is one that it runs on."""
    if find_spec("torch.nn.attention.varlen") is None or torch.version.hip is not None:
        return False
    from torch.nn.attention.varlen import varlen_attn

    return "scale" in signature(varlen_attn).parameters and torch.cuda.get_device_capability(device) >= (8, 0)


def run_packed(
    backbone: nn.Module, text: Tokens, embedded: Tensor, layers: Collection[int], types: Tensor | None = None
) -> tuple[Tensor, dict[int, Tensor]]:
    """The last states and those of some blocks, [text token dim] with zeros for padding, as a padded run gives them;
    `types` [text token] are the segments to be used (null: the text's own).
    """
    config: Any = backbone.config
    mask = text.mask
    column = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    segments = text.segment if types is None else types
    extra = {"token_type_ids": segments[mask][None]} if getattr(config, "type_vocab_size", 0) > 1 else {}
    bounds = pad(mask.sum(1).cumsum(0), (1, 0)).to(torch.int32)
    with _attention(config):
        out = backbone(
            inputs_embeds=embedded[mask][None],
            position_ids=(column[mask] + _first_position(backbone))[None],
            output_hidden_states=bool(layers),
            bounds=bounds,
            longest=mask.shape[1],
            **extra,
        )

    def spread(states: Tensor) -> Tensor:
        return states.new_zeros((*mask.shape, states.shape[-1])).index_put((mask,), states[0])

    return spread(out.last_hidden_state), {layer: spread(out.hidden_states[layer + 1]) for layer in layers}


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    bounds: Tensor,
    longest: int,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Every token of [1 head token dim] attends to those of its own text; text by text where there is no kernel."""
    if query.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        queries, keys, values = (part[0].transpose(0, 1) for part in (query, key, value))
        attended = varlen_attn(queries, keys, values, bounds, bounds, longest, longest, scale=scaling)
        assert isinstance(attended, Tensor)
        return attended[None], None
    sizes = bounds.diff().tolist()
    texts = zip(*(part.split(sizes, dim=2) for part in (query, key, value)), strict=True)
    parts = [scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling) for q, k, v in texts]
    return torch.cat(parts, dim=2).transpose(1, 2), None


@lru_cache
def _registered_attention() -> str:
    """The name under which transformers knows `_attend`."""
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, _attend)
    return _NAME


@contextmanager
def _attention(config: Any) -> Iterator[None]:
    """For the while, transformers calls `_attend`."""
    before = config._attn_implementation
    config._attn_implementation = _registered_attention()
    try:
        yield
    finally:
        config._attn_implementation = before
