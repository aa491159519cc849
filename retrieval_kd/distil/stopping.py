"""A training that a signal asks to stop ends its step, saves its state (but after the last step), and says so."""

import signal
from contextlib import ExitStack
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from retrieval_kd.distil.states import SaveStates
from retrieval_kd.text.signals import Stopped, stops


class Stop(Callback):
    """Ends the training after the step in which a signal came, in all processes alike; a second signal ends it at once.

    Raises Stopped.
    """

    def __init__(self, saving: SaveStates) -> None:
        self.saving, self.number, self.handlers = saving, 0, ExitStack()

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.handlers.enter_context(stops(self._note))  # in the place of Lightning's own

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if not trainer.strategy.reduce_boolean_decision(self.number != 0, all=False):
            return
        is_last = trainer.global_step >= trainer.max_steps
        if not is_last:
            self.saving.save(trainer, module)
        saved = "" if is_last else ", whose state is saved"
        raise Stopped(self.number or signal.SIGTERM, f" after step {trainer.global_step}{saved}")

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.handlers.close()

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self.handlers.close()

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.number:
            raise Stopped(number)
        self.number = number
