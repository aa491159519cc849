"""A training's saved states: files that are whole or reported as damaged; the two newest stay."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.io import TorchCheckpointIO
from pytorch_lightning.callbacks import Callback

from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import sync
from retrieval_kd.io.digests import file_digest

_NEWEST = 2
_DIGITS = 16
_NAME = re.compile(rf"state-(?P<step>\d+)-(?P<digest>[0-9a-f]{{{_DIGITS}}})\.ckpt")


def newest(folder: Path, *, tell: Callable[[str], None]) -> Path | None:
    """The newest state in the folder whose content is what its name says; None where there is none.

    Each damaged one is reported by `tell`, and the one before it is taken instead.
    """
    for path in _states(folder)[::-1]:
        match = _NAME.fullmatch(path.name)
        assert match is not None
        if file_digest(path)[:_DIGITS] == match["digest"]:
            return path
        tell(f"{path.name} is damaged (its content is not what was written), so training goes on from an earlier state")
    return None


def changing_names(module: Distiller) -> set[str]:
    """The names of what training moves: the parameters that learn, and every buffer that is saved."""
    learning = {name for name, value in module.named_parameters() if value.requires_grad}
    return (learning | {name for name, _ in module.named_buffers()}) & set(module.state_dict())


class SaveStates(Callback):
    """Writes what training moves every so many steps, aside and then renamed, and when it is asked to."""

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if trainer.global_step % self.every == 0 and trainer.global_step < trainer.max_steps:
            self.save(trainer, module)

    def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        assert isinstance(module, Distiller)
        names, state = changing_names(module), checkpoint["state_dict"]
        checkpoint["state_dict"] = {name: value for name, value in state.items() if name in names}

    def on_load_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Raises UserError if the state lacks something that training moves."""
        assert isinstance(module, Distiller)
        lacking = sorted(changing_names(module) - set(checkpoint["state_dict"]))
        if lacking:
            raise UserError(
                f"the saved state of this training lacks {lacking[0]} (and {len(lacking) - 1} more tensors): "
                "start the stage afresh, with fresh=<its name>"
            )

    def save(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """The state as it is after this step. All processes must call it."""
        assert isinstance(module, Distiller)
        aside = self.folder / "state.part"
        trainer.save_checkpoint(aside)
        module.teacher_cache.write()  # with the state, so that a resumed run recalls what this one had
        if trainer.is_global_zero:
            os.replace(aside, self.folder / f"state-{trainer.global_step}-{file_digest(aside)[:_DIGITS]}.ckpt")
            sync(self.folder)
            for old in _states(self.folder)[:-_NEWEST]:
                old.unlink()


class StateFiles(TorchCheckpointIO):
    """How a state is written and read: beside the artifact and never through the folder for temporary files, on disk
    before it is used, and read as tensors and plain values alone.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with open(path, "wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = None) -> dict[str, Any]:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state


def _states(folder: Path) -> list[Path]:
    """By step."""
    numbered = [(int(match["step"]), path) for path in folder.glob("state-*") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(numbered)]
