"""sentence-transformers: the distillation step in its own trainer, `DistillKLDivLoss` from stored scores."""

from typing import Any

from transformers import TrainerCallback

from experiments.speed.theirs.st_trainer import trainer
from experiments.speed.worker import Turn


class Waiting(TrainerCallback):
    """Waits for its turn before the first step and after each."""

    def __init__(self, turn: Turn) -> None:
        self.turn, self.loss = turn, None

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.turn.ready()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.turn([self.loss.last])


def run(settings: dict[str, Any], turn: Turn) -> None:
    waiting = Waiting(turn)
    made = trainer(settings, callbacks=[waiting])
    waiting.loss = made.loss
    made.train()
