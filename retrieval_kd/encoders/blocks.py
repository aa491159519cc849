"""The blocks of a backbone: where they are, and a backbone that keeps some of them."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from retrieval_kd.encoders.families import check_cut

_SHARED = "albert_layer_groups"  # each applied several times over, so there are fewer than the backbone is deep
_NUMBERED = ("layer_idx", "layer_id")  # what a block or its attention calls its own place


def blocks_of(backbone: nn.Module) -> nn.ModuleList:
    """The modules that are run one after the other, once each or (shared ones) several times."""
    return _locate_blocks(backbone)[2]


def cut(backbone: nn.Module, places: Sequence[int]) -> None:
    """Keep the blocks at these places, and what the configuration says of each of them.

    Raises UserError if they make no backbone of this family.
    """
    config: Any = backbone.config
    depth = int(config.num_hidden_layers)
    if list(places) == list(range(depth)):
        return
    check_cut(config.to_dict(), places, depth)
    parent, name, blocks = _locate_blocks(backbone)
    if name != _SHARED:
        setattr(parent, name, nn.ModuleList(blocks[place] for place in places))
        _renumber(getattr(parent, name), places)
    for key, value in config.to_dict().items():
        if isinstance(value, list) and _one_each(key, value, depth):
            setattr(config, key, [value[place] for place in places])
    config.num_hidden_layers = len(places)


def _one_each(key: str, value: list[Any], depth: int) -> bool:
    """Whether a list of the configuration has something for each block."""
    return "layer" in key and len(value) == depth and not key.startswith("retrieval_kd")


def _renumber(blocks: nn.ModuleList, places: Sequence[int]) -> None:
    for number, (place, block) in enumerate(zip(places, blocks, strict=True)):
        for module in block.modules():
            for name in _NUMBERED:
                if getattr(module, name, None) == place:
                    setattr(module, name, number)


def _locate_blocks(backbone: nn.Module) -> tuple[nn.Module, str, nn.ModuleList]:
    """(who holds the blocks, under which name, the one ModuleList that is as long as the backbone is deep)."""
    depth = int(backbone.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]
    for parent in backbone.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and (len(child) == depth or name == _SHARED):
                return parent, name, child
    raise ValueError(f"{type(backbone).__name__} has no list of {depth} blocks: leave layers=null and compile=false")
