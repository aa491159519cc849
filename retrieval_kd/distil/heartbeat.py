"""Processes that train together tell each other that they live, so that none waits for one that is gone."""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch.distributed import TCPStore  # type: ignore[attr-defined] # public, though torch names no export

from retrieval_kd.distil.gather import rank, ranks

_EVERY, _PATIENCE = 5.0, 45.0  # seconds between two signs of life, and until a silent process is taken for gone
_DONE = b"done"
_FAILURES = (RuntimeError, OSError)  # of a store that is not reached


class Heartbeat(Callback):
    """Ends this process, with a sentence, when another one of the training has given no sign of life for `patience`
    seconds: a host that vanished closes no connection, and whoever waits for its answer would wait for the group's
    time-out.

    The signs go through a store of torch.distributed that the first process opens on a free port; where the others do
    not reach it, training goes on without them.
    """

    def __init__(self, *, every: float = _EVERY, patience: float = _PATIENCE) -> None:
        self.every, self.patience = every, patience
        self.store: Any = None
        self.ended = threading.Event()
        self.threads: list[threading.Thread] = []
        self.last: dict[int, tuple[bytes, float]] = {}  # another process → its last sign, and when it was new

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if ranks() > 1:
            self.start(trainer.strategy.broadcast, trainer.strategy.reduce_boolean_decision)

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.stop()

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self.stop()

    def start(self, broadcast: Callable[[int], int], all_agree: Callable[[bool], bool]) -> None:
        """Opens the store, on all processes at once, and begins where all reach it. `broadcast(value)` gives the first
        one's value, `all_agree(value)` whether it is true on all.
        """
        host, timeout = os.environ.get("MASTER_ADDR", "127.0.0.1"), timedelta(seconds=self.patience)
        opened = TCPStore(host, 0, is_master=True, wait_for_workers=False, timeout=timeout) if rank() == 0 else None
        port = broadcast(opened.port if opened is not None else 0)
        with suppress(*_FAILURES):
            self.store = opened or TCPStore(host, port, is_master=False, wait_for_workers=False, timeout=timeout)
            self.store.set(str(rank()), "0")
        if all_agree(self.store is not None):  # and all have signed before any of them looks
            self.last = {number: (b"", time.monotonic()) for number in range(ranks()) if number != rank()}
            self.threads = [threading.Thread(target=work, daemon=True) for work in (self._sign, self._watch)]
            for thread in self.threads:
                thread.start()

    def stop(self) -> None:
        """Says that this process is through, and ends the signs."""
        self.ended.set()
        for thread in self.threads:
            thread.join(timeout=self.every)

    def _sign(self) -> None:
        """Gives signs and reads those of the others; a store that stands still may hold it for ever."""
        count = 0
        while not self.ended.wait(self.every):
            count += 1
            with suppress(*_FAILURES):
                self.store.set(str(rank()), str(count))
                for number, (before, _) in self.last.items():
                    sign = self.store.get(str(number))
                    if sign != before:
                        self.last[number] = (sign, time.monotonic())
        with suppress(*_FAILURES):
            self.store.set(str(rank()), _DONE)

    def _watch(self) -> None:
        while not self.ended.wait(self.every):
            now = time.monotonic()
            for number, (sign, since) in self.last.items():
                if sign != _DONE and now - since > self.patience and not self.ended.is_set():
                    self._end(number)

    def _end(self, number: int) -> None:
        sys.stderr.write(
            f"process {number} of {ranks()} has given no sign of life for {self.patience:.0f} s: this one ends; the "
            "same command goes on from the last saved state\n"
        )
        sys.stderr.flush()
        os._exit(1)
