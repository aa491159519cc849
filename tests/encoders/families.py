"""Random small models of the families that have a sequence classifier, by the library's own configurations."""

from pathlib import Path
from typing import Any

import torch

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
_OTHER: dict[str, dict[str, Any]] = {  # what a family calls otherwise, or needs beside
    "albert": {"embedding_size": 16},
    "convbert": {"embedding_size": 16, "head_ratio": 2, "conv_kernel_size": 3, "num_attention_heads": 4},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
    "distilbert": {"dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 48},
    "electra": {"embedding_size": 16},
    "modernbert": {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "classifier_pooling": "mean"},
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 16},
    "xlnet": {"d_model": 32, "n_layer": 3, "n_head": 2, "d_inner": 48},
    "nystromformer": {"segment_means_seq_len": 64, "num_landmarks": 64},
}
FAMILIES = (
    "albert",
    "bert",
    "camembert",
    "data2vec-text",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "ernie",
    "megatron-bert",
    "modernbert",
    "mpnet",
    "rembert",
    "roberta",
    "xlm-roberta",
)


def write_classifier(folder: Path, backbone: Path, family: str, *, labels: int = 1, **options: Any) -> Path:
    """A sequence classifier of this family with the tokenizer of another folder, its head far from zero."""
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(backbone)
    sizes = {**SIZES, **_OTHER.get(family, {}), "vocab_size": len(tokenizer), "pad_token_id": 0, "num_labels": labels}
    torch.manual_seed(len(family))
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(family, **{**sizes, **options}))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() > 1:
                value.normal_(0, 0.2)
            elif name.endswith("bias"):
                value.normal_(0, 0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
