"""The limit of encoding: as many real tokens in rectangles of 1 024 through the bare backbone, no text and no file."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer

from experiments.speed.limits.collection import passages
from experiments.speed.worker import Turn

ROWS, LENGTH = 16, 64


def run(settings: dict[str, Any], turn: Turn) -> None:
    model = AutoModel.from_pretrained(settings["model"], add_pooling_layer=False).eval()
    texts = passages(Path(settings["task"]), settings["passages"])
    tokenizer = AutoTokenizer.from_pretrained(settings["model"])
    real = sum(map(len, tokenizer(texts, truncation=True, max_length=256)["input_ids"]))
    ids = torch.randint(1000, 30000, (ROWS, LENGTH), generator=torch.Generator().manual_seed(0))
    turn.ready()
    while True:
        with torch.no_grad():
            for _ in range(round(real / ids.numel())):
                model(input_ids=ids)
        turn()
