"""What a stage is given beside its config: the folder that it fills, the machine, and where metrics go."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

SCRATCH = ".scratch"


@dataclass
class Work:
    """The folder that a stage fills. It survives a kill, so a stage may resume from what it finds there (its states are
    only for that, and are gone once the artifact is sealed).

    `artifacts` is the root, for caches; `machine`, `tracking` and `save_every` are outside the key; `loggers` get what
    is logged, a training's by its Trainer.
    """

    folder: Path
    artifacts: Path
    machine: dict[str, Any] = field(default_factory=dict)
    tracking: dict[str, Any] = field(default_factory=dict)
    save_every: int = 100
    loggers: "tuple[Logger, ...]" = ()

    @property
    def scratch(self) -> Path:
        """What a ranking keeps until the artifact is sealed; while it is there, helpers may write into it."""
        return self.folder / SCRATCH

    @property
    def payload(self) -> Path:
        """Where the stage puts what other stages read; made if it is not there."""
        folder = self.folder / "payload"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, step: int | None = None, **metrics: float) -> None:
        """Hands metrics to every logger, `step` being the optimiser step if there is one."""
        for logger in self.loggers:
            logger.log_metrics(metrics, step)
