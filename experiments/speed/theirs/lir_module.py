"""lightning-ir: a DPR with mean pooling and its data module over the steps' lists, with what its documents advise.

Its run file holds the texts (it then keeps them in memory instead of asking a store on disk), and one loader worker.
"""

from pathlib import Path
from typing import Any

import torch
from lightning_ir import BiEncoderModule, KLDivergence, LightningIRDataModule, RunDataset
from lightning_ir.models import DprConfig


def module(settings: dict[str, Any]) -> BiEncoderModule:
    config = DprConfig(query_length=256, doc_length=256, similarity_function="dot", projection=None)
    made = BiEncoderModule(settings["model"], config=config, loss_functions=[KLDivergence()])
    made.set_optimizer(torch.optim.AdamW, lr=2e-5, weight_decay=0.01)
    return made


def data(settings: dict[str, Any], *, workers: int) -> LightningIRDataModule:
    size = settings["passages_per_query"]
    rows = RunDataset(Path(settings["task"]) / "run.jsonl", depth=size, sample_size=size, targets="score")
    batch = settings["queries_per_step"]
    return LightningIRDataModule(rows, train_batch_size=batch, shuffle_train=False, num_workers=workers)
