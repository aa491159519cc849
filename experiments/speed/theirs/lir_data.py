"""lightning-ir: its loader, and the tokenising that it does at the beginning of its forward pass."""

from typing import Any

from experiments.speed.theirs.lir_module import data, module
from experiments.speed.worker import Turn


def run(settings: dict[str, Any], turn: Turn) -> None:
    loader, model = data(settings, workers=0).train_dataloader(), module(settings)
    turn.ready()
    while True:
        found: list[float] = []
        for step, batch in enumerate(loader, 1):
            docs = [text for nested in batch.docs for text in nested]
            encodings = model.prepare_input(batch.queries, docs, [len(nested) for nested in batch.docs])
            found = found or [float(sum(one["attention_mask"].sum() for one in encodings.values()))]
            if step % settings["steps_per_repetition"] == 0:
                turn(found, units=settings["steps_per_repetition"] * settings["queries_per_step"])
                found = []
