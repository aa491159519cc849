"""lightning-ir: the distillation step in its own trainer, `KLDivergence` from the run's scores."""

from typing import Any

from lightning import Callback
from lightning_ir import LightningIRTrainer

from experiments.speed.theirs.lir_module import data, module
from experiments.speed.worker import Turn


class Waiting(Callback):
    """Waits for its turn before the first step and after each."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn

    def on_train_start(self, *_: Any) -> None:
        self.turn.ready()

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, *_: Any) -> None:
        self.turn([float(outputs["loss"])])


def run(settings: dict[str, Any], turn: Turn) -> None:
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    trainer = LightningIRTrainer(
        accelerator="cpu" if settings.get("device", "cpu") == "cpu" else "gpu",
        devices=1,
        max_epochs=1_000_000,
        gradient_clip_val=1.0,
        precision=settings.get("precision", "32-true"),
        callbacks=[Waiting(turn)],
        **quiet,
    )
    trainer.fit(module(settings), data(settings, workers=1))
