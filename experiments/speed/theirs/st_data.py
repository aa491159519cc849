"""sentence-transformers: its trainer's own loader, which reads rows and tokenises them in its collator."""

from typing import Any

from experiments.speed.theirs.st_trainer import trainer
from experiments.speed.worker import Turn


def run(settings: dict[str, Any], turn: Turn) -> None:
    loader = trainer(settings).get_train_dataloader()
    turn.ready()
    while True:
        found: list[float] = []
        for step, batch in enumerate(loader, 1):
            masks = [value for name, value in batch.items() if name.endswith("attention_mask")]
            found = found or [float(sum(mask.sum() for mask in masks))]
            if step % settings["steps_per_repetition"] == 0:
                turn(found, units=settings["steps_per_repetition"] * settings["queries_per_step"])
                found = []
