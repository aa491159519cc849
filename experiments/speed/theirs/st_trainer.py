"""sentence-transformers' trainer over the steps' batches in their order, with its own defaults for the rest."""

import tempfile
from typing import Any

from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.losses import DistillKLDivLoss
from torch.utils.data import SequentialSampler

from experiments.speed.theirs.batches import columns


class InOrder(DefaultBatchSampler):
    """Batches of consecutive rows: the steps that ours has."""

    def __init__(self, dataset: Any, batch_size: int, drop_last: bool, **_: Any) -> None:
        super().__init__(SequentialSampler(dataset), batch_size=batch_size, drop_last=drop_last)


class Telling(DistillKLDivLoss):
    """The loss, which remembers what it last was."""

    def forward(self, *given: Any) -> Any:
        found = super().forward(*given)
        self.last = float(found.detach())
        return found


def trainer(settings: dict[str, Any], **more: Any) -> SentenceTransformerTrainer:
    """Its documented path on a CPU: columns in one merged forward pass, fused AdamW, clipping at 1."""
    model = SentenceTransformer(settings["model"], device=settings.get("device", "cpu"), local_files_only=True)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=settings["queries_per_step"],
        max_steps=1_000_000,
        learning_rate=2e-5,
        lr_scheduler_type="constant",
        weight_decay=0.01,
        batch_sampler=InOrder,
        use_cpu=settings.get("device", "cpu") == "cpu",
        bf16=settings.get("precision") == "bf16-mixed",
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    rows = Dataset.from_dict(columns(settings))
    return SentenceTransformerTrainer(model, arguments, train_dataset=rows, loss=Telling(model), **more)
