"""How much memory a training step will need, logged before the first one is taken."""

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
    """Reports on the first process, from the first batch, how much memory a step takes on each; training is not
    changed by it.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell, self.reported = tell, False

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, _: int) -> None:
        assert isinstance(module, Distiller)
        if self.reported or not trainer.is_global_zero:
            return
        self.reported = True
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
    """The forecast in words; where a step needs more than there is, the option to set."""
    needs = weights + groups.of(recompute=recompute)
    other = weights + groups.of(recompute=not recompute)
    need = (
        f"a step needs about {_gigabytes(needs)} of memory: {_gigabytes(weights)} weights, gradients and AdamW, "
        f"{_gigabytes(needs - weights)} activations "
        f"(optim.recompute={str(not recompute).lower()}: {_gigabytes(other)} in all)"
    )
    if needs < has:
        return need
    way = "a smaller optim.tokens_per_group or data.queries_per_step" if recompute else "optim.recompute=true"
    return f"{need}; there are {_gigabytes(has)}: set {way}"


def _gigabytes(size: int) -> str:
    return f"{size / _GB:.2g} GB"


def _memory(device: torch.device) -> int:
    """All that the device has, whoever uses it."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
