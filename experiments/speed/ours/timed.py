"""Our training through our own `fit`, where each step ends in a turn of the measurement."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.speed.worker import Turn
from retrieval_kd.curricula.constant import Constant
from retrieval_kd.distil.datamodule import ListsDataModule
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.distil.fit import fit
from retrieval_kd.distil.optimise import OptimConfig
from retrieval_kd.losses.objective import Objective
from retrieval_kd.scorers.scorer import Scorer

STEPS = 1_000_000  # more than anybody asks for


class Timed(Distiller):
    """A Distiller that waits for its turn before the first step and after each."""

    def __init__(self, turn: Turn, units: float, *parts: Any, **named: Any) -> None:
        super().__init__(*parts, **named)
        self.turn, self.units = turn, units

    def on_train_start(self) -> None:
        self.turn.ready()

    def on_train_batch_end(self, outputs: Any, *_: Any) -> None:
        self.turn([float(outputs["loss"])], units=self.units)


def train(
    turn: Turn,
    scorers: Mapping[str, Scorer],
    objective: Objective,
    data: ListsDataModule,
    optim: OptimConfig,
    *,
    units: float = 1.0,
    device: str = "cpu",
) -> None:
    """Train until nobody asks for more steps."""
    parts = {"objective": objective, "curriculum": Constant(), "optim": optim, "seed": 0}
    distiller = Timed(turn, units, scorers, **parts, fused=True)  # as conf/machine has it
    with tempfile.TemporaryDirectory() as folder:
        accelerator = "cpu" if device == "cpu" else "gpu"
        options = {"save_every": STEPS, "accelerator": accelerator, "progress": False}
        fit(distiller, data, folder=Path(folder), log=_nobody, **options)


def _nobody(**_: Any) -> None:
    """Our rows of metrics are made, as in any training, and not kept."""
