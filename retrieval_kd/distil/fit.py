"""Run a training: Lightning's Trainer with progress, metrics by step, and a checkpoint that is never half there."""

import logging
import math
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, RichProgressBar
from pytorch_lightning.plugins import DoublePrecision, HalfPrecision

from retrieval_kd.distil.datamodule import ListsDataModule
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.distil.forecast import Forecast
from retrieval_kd.distil.states import Keep, StateFiles, newest
from retrieval_kd.distil.stopping import Stop
from retrieval_kd.encoders.encoder import TextEncoder
from retrieval_kd.encoders.unpadded import Count
from retrieval_kd.text.fault import Fault

_PATIENCE = timedelta(days=1)  # of ranks that wait while the first one mines the collection anew
_HARMLESS = (
    ".*in eval mode at the start of training.*",  # frozen roles are meant to be
    ".*treespec, LeafSpec.*",
    ".*does not have many workers.*",  # a step's batch costs a few milliseconds
)


class Meter(Callback):
    """Hands a row of metrics on every few steps: losses by term, learning rate, queries and real tokens a second,
    padding, peak memory.
    """

    def __init__(self, queries_per_step: int, report: Callable[..., None], every: int = 10) -> None:
        self.queries, self.report, self.every = queries_per_step, report, every
        self.since, self.steps, self.count = time.perf_counter(), 0, Count()

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.since = time.perf_counter()

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        assert isinstance(module, Distiller)
        self.steps += 1
        self.count = Count(self.count.computed + module.count.computed, self.count.real + module.count.real)
        if trainer.global_step % self.every and trainer.global_step != trainer.max_steps:
            return
        seconds = time.perf_counter() - self.since
        row = {
            "step": trainer.global_step,
            **{name: float(value) for name, value in trainer.callback_metrics.items()},
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "queries_per_second": self.queries * self.steps / seconds,
            "real_tokens_per_second": self.count.real * trainer.world_size / seconds,
            "pad_fraction": 1 - self.count.real / self.count.computed,
            "peak_memory_mb": peak_memory_mb(),
        }
        if not math.isfinite(row["train/loss"]):
            raise Fault(
                f"the loss is {row['train/loss']} at step {trainer.global_step}: "
                "lower optim.lr, and look at scales and temperatures"
            )
        self.report(**row)
        self.since, self.steps, self.count = time.perf_counter(), 0, Count()


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
        shown = super().get_metrics(trainer, module)
        shown.pop("v_num", None)
        done = (trainer.global_step - self.first) * self.queries
        return {**shown, "queries/s": round(done / (time.perf_counter() - self.since), 1)}

    def _get_train_description(self, current_epoch: int) -> str:
        return "training"


def fit(
    distiller: Distiller,
    data: ListsDataModule,
    *,
    folder: Path,
    save_every: int,
    log: Callable[..., None],
    accelerator: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    progress: bool = True,
    tell: Callable[[str], None] | None = None,
) -> pl.Trainer:
    """Train to `optim.steps`, from the last saved state in `folder` where there is one; `tell` gets what memory a step
    will need.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    optim, keep = distiller.optim, Keep(folder, save_every)
    several = devices * nodes > 1
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy=_ddp() if several else "auto",
        max_steps=optim.steps,
        max_epochs=-1,
        precision=None if optim.precision in _THROUGHOUT else optim.precision,  # type: ignore[arg-type]
        plugins=[StateFiles(), *_THROUGHOUT.get(optim.precision, lambda: ())()],
        reload_dataloaders_every_n_epochs=0 if data.data.refresh_every is None else 1,
        logger=False,
        callbacks=[
            Meter(data.data.queries_per_step, log),
            keep,  # a step is logged, then saved: killed in between, it is trained and logged again
            *([Forecast(tell)] if tell is not None else []),
            *([Bar(data.data.queries_per_step)] if progress else []),
            Stop(keep),
        ],
        enable_checkpointing=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
    state = newest(folder, tell=tell or (lambda _: None))
    distiller.train()
    with warnings.catch_warnings():
        for harmless in _HARMLESS:
            warnings.filterwarnings("ignore", message=harmless)
        trainer.fit(distiller, data, ckpt_path=state)
    distiller.recall.write()
    return trainer


class _Double(DoublePrecision):
    """float64 throughout. The batch stays as it is: Lightning would write into it, and it is frozen."""

    def convert_input(self, data: Any) -> Any:
        return data


class _Half(HalfPrecision):
    """16-bit throughout; the batch stays as it is."""

    def convert_input(self, data: Any) -> Any:
        return data


_THROUGHOUT: dict[str, Callable[[], tuple[Any, ...]]] = {  # precisions that hold for weights too
    "64-true": lambda: (_Double(),),
    "16-true": lambda: (_Half("16-true"),),
    "bf16-true": lambda: (_Half("bf16-true"),),
}


def compile_blocks(distiller: Distiller) -> None:
    """Has torch compile every encoder's blocks; the first groups take the time of it."""
    for module in distiller.modules():
        if isinstance(module, TextEncoder):
            module.compile_blocks()


def _ddp() -> Any:
    from pytorch_lightning.strategies import DDPStrategy

    return DDPStrategy(find_unused_parameters=True, timeout=_PATIENCE)


def peak_memory_mb() -> float:
    """The peak of device memory on a GPU, of resident memory else, in MiB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
