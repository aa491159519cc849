"""What a training shows while it runs: rows of metrics, and a bar on a terminal or a line every half a minute."""

import logging
import math
import time
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, RichProgressBar

from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.encoders.unpadded import Count
from retrieval_kd.text.progress import LINE_EVERY, is_terminal, progress_line

_log = logging.getLogger(__name__)


class Meter(Callback):
    """Logs a row of metrics every `log_every_n_steps` of the Trainer and at the last step: losses by term, learning
    rate, queries and real tokens a second, padding, peak memory.

    The step of a row is the number of steps taken. The Trainer itself logs none of this (logger=False): it counts steps
    from 0, leaves out the last ones, and would log only after the state was saved.
    """

    def __init__(self, queries_per_step: int) -> None:
        self.queries = queries_per_step
        self.since, self.steps, self.count = time.perf_counter(), 0, Count()

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.since = time.perf_counter()

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        assert isinstance(module, Distiller)
        self.steps += 1
        self.count = Count(self.count.computed + module.count.computed, self.count.real + module.count.real)
        every = trainer.log_every_n_steps  # type: ignore[attr-defined] # set by the Trainer's logger connector
        if trainer.global_step % every and trainer.global_step != trainer.max_steps:
            return
        seconds = time.perf_counter() - self.since
        row = {
            **{name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("train/")},
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "queries_per_second": self.queries * self.steps / seconds,
            "real_tokens_per_second": self.count.real * trainer.world_size / seconds,
            "pad_fraction": 1 - self.count.real / self.count.computed,
            "peak_memory_mb": peak_memory_mb(),
            "skipped_steps": int(module.guard.skipped_steps),
        }
        for logger in trainer.loggers:
            logger.log_metrics(row, trainer.global_step)
        self.since, self.steps, self.count = time.perf_counter(), 0, Count()


def progress_callback(queries_per_step: int) -> Callback:
    """A bar where standard error is a terminal, else lines."""
    return Bar(queries_per_step) if is_terminal() else Lines(queries_per_step)


class Bar(RichProgressBar):
    """Lightning's bar over all the training's steps, with queries a second and an ETA."""

    def __init__(self, queries_per_step: int) -> None:
        super().__init__()
        self.queries, self.since, self.first = queries_per_step, time.perf_counter(), 0

    @property
    def total_train_batches(self) -> int:
        return int(self.trainer.max_steps)

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        super().on_train_start(trainer, module)
        self.since, self.first = time.perf_counter(), trainer.global_step

    def get_metrics(self, trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, Any]:
        metrics = super().get_metrics(trainer, module)
        metrics.pop("v_num", None)
        queries = (trainer.global_step - self.first) * self.queries
        return {**metrics, "queries/s": round(queries / (time.perf_counter() - self.since), 1)}

    def _get_train_description(self, current_epoch: int) -> str:
        return "training"


class Lines(Callback):
    """A line of progress every half a minute, from the first process."""

    def __init__(self, queries_per_step: int) -> None:
        self.queries, self.since, self.last, self.first = queries_per_step, time.perf_counter(), 0.0, 0

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.since = self.last = time.perf_counter()
        self.first = trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        now = time.perf_counter()
        if now - self.last < LINE_EVERY or not trainer.is_global_zero:
            return
        self.last = now
        done, total = trainer.global_step - self.first, int(trainer.max_steps) - self.first
        loss = float(trainer.callback_metrics.get("train/loss", math.nan))
        line = progress_line("training: steps", done, total, now - self.since)
        _log.info("%s; loss %.4g, %.3g queries/s", line, loss, done * self.queries / (now - self.since))


def peak_memory_mb() -> float:
    """The peak of device memory on a GPU, of resident memory else, in MiB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
