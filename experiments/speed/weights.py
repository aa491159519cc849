"""The students' weights as folders that every peer loads: MiniLM-L6 and a tiny random model, both without dropout."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from experiments.speed.places import WORK
from retrieval_kd.encoders.weights import MINILM, locate
from retrieval_kd.io.atomic import atomic_folder

_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


def weights(name: str) -> Path:
    """A model's folder, made once; sentence-transformers finds mean pooling and a cap of 256 tokens in it."""
    write: dict[str, Callable[[Path], None]] = {"minilm": _minilm, "tiny": _tiny}
    return atomic_folder(WORK / "models" / name, write[name])


def _minilm(folder: Path) -> None:
    source = locate(MINILM)
    config = json.loads((source / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copy(source / "model.safetensors", folder)
    _around(folder, config["hidden_size"])


def _tiny(folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    size = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512}
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=30522, **size, **still), add_pooling_layer=True).save_pretrained(folder)
    _around(folder, size["hidden_size"])


def _around(folder: Path, width: int) -> None:
    """The tokenizer, and what sentence-transformers reads beside it."""
    for name in _TOKENIZER:
        shutil.copy(locate(MINILM) / name, folder)
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": width, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "modules.json").write_text(json.dumps(_MODULES))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 256, "do_lower_case": False}))
