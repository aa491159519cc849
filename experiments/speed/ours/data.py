"""Ours: the data path, from token store to tensors, by training's loader; tokenising is paid once and told apart."""

import time
from pathlib import Path
from typing import Any

from experiments.speed.ours.opened import corpus_of, lists_module, student_of
from experiments.speed.worker import Turn


def run(settings: dict[str, Any], turn: Turn) -> None:
    corpus = corpus_of(Path(settings["task"]))
    module = lists_module(settings, corpus, student_of(settings), 1_000_000, stored=True)
    start = time.process_time()
    loader = module.train_dataloader()
    turn.ready(lists_and_query_tokens_cpu_seconds=time.process_time() - start)
    found: list[float] = []
    for step, batch in enumerate(loader, 1):
        (texts,) = batch.texts.values()
        found = found or [float(texts.query.mask.sum() + texts.passage.mask.sum())]
        if step % settings["steps_per_repetition"] == 0:
            turn(found, units=settings["steps_per_repetition"] * settings["queries_per_step"])
            found = []
