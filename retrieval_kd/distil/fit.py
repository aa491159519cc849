"""Run a training: Lightning's Trainer with progress, metrics by step, and a checkpoint that is never half there."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins import DoublePrecision, HalfPrecision
from pytorch_lightning.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from retrieval_kd.distil.datamodule import ListsDataModule
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.distil.finite import NotFinite, named_queries
from retrieval_kd.distil.forecast import Forecast
from retrieval_kd.distil.gather import rank, ranks
from retrieval_kd.distil.heartbeat import Heartbeat
from retrieval_kd.distil.optimise import OptimConfig
from retrieval_kd.distil.progress import Meter, progress_callback
from retrieval_kd.distil.reproducer import FailedSteps, write_step
from retrieval_kd.distil.states import SaveStates, StateFiles, newest
from retrieval_kd.distil.stopping import Stop
from retrieval_kd.encoders.encoder import TextEncoder
from retrieval_kd.errors import UserError
from retrieval_kd.text.progress import is_terminal

_PATIENCE = timedelta(minutes=30)  # of ranks that wait for another one, which gives signs of life (heartbeat)
_LOG_EVERY = 10  # steps between two rows of metrics, unless the Trainer's options say otherwise
_PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
_HARMLESS = (
    ".*in eval mode at the start of training.*",  # frozen roles are meant to be
    ".*treespec, LeafSpec.*",
    ".*does not have many workers.*",  # a step's batch costs a few milliseconds
)


@contextmanager
def _as_before() -> Iterator[None]:
    """Leaves torch's switches as they were: the Trainer turns them on for good."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warns)
        torch.backends.cudnn.benchmark = benchmark


@_as_before()
def fit(
    distiller: Distiller,
    data: ListsDataModule,
    *,
    folder: Path,
    save_every: int,
    loggers: Sequence[Logger] = (),
    callbacks: Sequence[Callback] = (),
    options: Mapping[str, Any] | None = None,
    accelerator: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    progress: bool = True,
    tell: Callable[[str], None] | None = None,
    failed_steps: FailedSteps | None = None,
) -> pl.Trainer:
    """Train to `optim.steps`, from the last saved state in `folder` where there is one; `tell` gets what memory a step
    will need.

    `options` are Lightning's Trainer's own: log_every_n_steps, profiler (its report lies in `folder`), benchmark,
    deterministic, detect_anomaly. Raises UserError at a step whose loss or gradient is not finite, after it was saved
    under `failed_steps`, unless `optim.nonfinite` skips such steps.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    optim, saving, queries = distiller.optim, SaveStates(folder, save_every), data.data.queries_per_step
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy=_ddp() if devices * nodes > 1 else "auto",
        **_steps_and_precision(optim),
        reload_dataloaders_every_n_epochs=0 if data.data.refresh_every is None else 1,
        logger=list(loggers),
        callbacks=[
            *callbacks,
            *_own_callbacks(queries, saving, processes=devices * nodes, progress=progress, tell=tell),
        ],
        enable_progress_bar=progress and is_terminal(),
        default_root_dir=folder,
        **_NOT_LIGHTNINGS,
        **_trainer_options(options or {}, folder),
    )
    state = newest(folder, tell=tell or (lambda _: None))
    distiller.train()
    with warnings.catch_warnings():
        for harmless in _HARMLESS:
            warnings.filterwarnings("ignore", message=harmless)
        try:
            trainer.fit(distiller, data, ckpt_path=state)
        except NotFinite as error:
            raise UserError(_not_finite(error, distiller, data, failed_steps)) from None
    distiller.teacher_cache.write()
    return trainer


def _own_callbacks(
    queries_per_step: int, saving: SaveStates, *, processes: int, progress: bool, tell: Callable[[str], None] | None
) -> list[Callback]:
    """What every training has beside the callbacks of its options, in the order in which they are called."""
    return [
        Meter(queries_per_step),
        saving,  # a step is logged, then saved: killed in between, it is trained and logged again
        *([Heartbeat()] if processes > 1 else []),
        *([Forecast(tell)] if tell is not None else []),
        *([progress_callback(queries_per_step)] if progress else []),
        Stop(saving),
    ]


def _not_finite(error: NotFinite, distiller: Distiller, data: ListsDataModule, failed_steps: FailedSteps | None) -> str:
    """The sentence for a step that went wrong, which is saved in a folder where there is one for it."""
    step = error.batch.step + 1
    failure = f"step {step}: {error} ({named_queries(error, data.queries)})"
    where = ""
    if failed_steps is not None:
        folder = write_step(
            failed_steps, error.batch, distiller, rank=rank(), processes=ranks(), forms=data.forms, about=failure
        )
        where = f"; its batch and weights are kept: `retrieval-kd replay {folder}` runs it again"
    hint = "; 16-mixed overflows: try bf16-mixed" if distiller.optim.precision == "16-mixed" else ""
    return f"{failure}{where}; lower optim.lr, look at scales and temperatures, or set optim.nonfinite=skip{hint}"


_NOT_LIGHTNINGS: dict[str, Any] = {
    "enable_checkpointing": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}


def _steps_and_precision(optim: OptimConfig) -> dict[str, Any]:
    throughout = _THROUGHOUT.get(optim.precision)
    return {
        "max_steps": optim.steps,
        "max_epochs": -1,
        "precision": None if throughout else optim.precision,
        "plugins": [StateFiles(), *(throughout() if throughout else ())],
    }


def _trainer_options(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    settings = {"log_every_n_steps": _LOG_EVERY, **options}
    name = settings.pop("profiler", None)
    profiler: Profiler | None = _PROFILERS[name](dirpath=folder, filename="profile") if name else None
    return {**settings, "profiler": profiler}


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
