"""Every dropout of a backbone, whatever its family calls it."""

from typing import Any

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

_WHOLE_LAYERS = "layerdrop"  # leaves out blocks, not numbers


def configure_dropout(config: Any, dropout: float) -> None:
    """Set every dropout probability of a configuration; no block is ever left out."""
    for name, value in config.to_dict().items():
        if _is_probability(name, value):
            setattr(config, name, 0.0 if _WHOLE_LAYERS in name else dropout)


def set_dropout(model: nn.Module, dropout: float) -> None:
    """Set every dropout of a model: those that are modules, and the probabilities that modules hold for functions."""
    for module in model.modules():
        if isinstance(module, _DropoutNd):
            module.p = dropout
        for name, value in list(vars(module).items()):
            if _is_probability(name, value):
                setattr(module, name, 0.0 if _WHOLE_LAYERS in name else dropout)


def _is_probability(name: str, value: object) -> bool:
    return "drop" in name and isinstance(value, int | float) and not isinstance(value, bool)
