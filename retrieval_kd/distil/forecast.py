"""What a training step will need, said before the first one is taken."""

import os
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.encoders.footprint import Footprint, footprint
from retrieval_kd.encoders.unpadded import EncodeOptions

_GB = 1e9


class Forecast(Callback):
    """Tells on the first process, from the first batch, how much memory a step takes on each; then trains as if it had
    not.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell, self.told = tell, False

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, _: int) -> None:
        assert isinstance(module, Distiller)
        if self.told or not trainer.is_global_zero:
            return
        self.told = True
        devices = [] if module.device.type == "cpu" else [module.device]
        try:
            with trainer.strategy.precision_plugin.train_step_context(), torch.random.fork_rng(devices=devices):
                requests = module.requests(batch, module.wants(batch.step))
                groups = footprint(requests, EncodeOptions(module.optim.tokens_per_group))
        except torch.OutOfMemoryError:
            self.tell("the first group of a step alone is more than the memory: give a smaller optim.tokens_per_group")
            return
        finally:
            if module.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(module.device)
        self.tell(sentence(resident(module), groups, recompute=module.optim.recompute, has=_memory(module.device)))


def resident(module: Distiller) -> int:
    """Bytes of all weights, and of a gradient and AdamW's two moments for each that learns."""
    weights = module.scorers.parameters()
    return sum(value.numel() * value.element_size() * (4 if value.requires_grad else 1) for value in weights)


def sentence(weights: int, groups: Footprint, *, recompute: bool, has: int) -> str:
    """The forecast in words; where a step needs more than there is, what to say instead."""
    needs = weights + groups.of(recompute=recompute)
    other = weights + groups.of(recompute=not recompute)
    said = (
        f"a step needs about {_told(needs)} of memory: {_told(weights)} weights, gradients and AdamW, "
        f"{_told(needs - weights)} activations (optim.recompute={str(not recompute).lower()}: {_told(other)} in all)"
    )
    if needs < has:
        return said
    way = "a smaller optim.tokens_per_group or data.queries_per_step" if recompute else "optim.recompute=true"
    return f"{said}; there are {_told(has)}: set {way}"


def _told(size: int) -> str:
    return f"{size / _GB:.2g} GB"


def _memory(device: torch.device) -> int:
    """All that the device has, whoever uses it."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
