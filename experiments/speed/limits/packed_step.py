"""The limit of a step: a rectangle of as many real tokens through the bare backbone, forward, backward and AdamW.

No padding, no mask, no pooling, no scores, no data path, no trainer.
"""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel

from experiments.speed.worker import Turn

LENGTH = 59  # tokens: the mean passage


def run(settings: dict[str, Any], turn: Turn) -> None:
    device, half = settings.get("device", "cpu"), settings.get("precision") == "bf16-mixed"
    model = AutoModel.from_pretrained(settings["model"], add_pooling_layer=False).train().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    tokens = json.loads((Path(settings["task"]) / "steps.json").read_text())["tokens"]
    chance = torch.Generator().manual_seed(0)
    turn.ready()
    step = 0
    while True:
        rows = round(tokens[step % len(tokens)] / LENGTH)
        ids = torch.randint(1000, 30000, (rows, LENGTH), generator=chance).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=half):
            loss = model(input_ids=ids).last_hidden_state.float().square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        turn([loss.item()])
