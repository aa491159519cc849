"""Folders as other libraries write them: sentence-transformers' code its own, PyLate's and Stanford's by hand."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

CONFIG = "config_sentence_transformers.json"


def write_dual(folder: Path, backbone: Path, *modules: Any, length: int = 12, **options: Any) -> Path:
    """A SentenceTransformer of these modules behind its Transformer."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer

    torch.manual_seed(5)
    model = SentenceTransformer(modules=[Transformer(str(backbone), max_seq_length=length), *modules], **options)
    model.save_pretrained(str(folder))
    return folder


def write_pylate(folder: Path, backbone: Path, *, components: int = 8, **values: Any) -> Path:
    """What PyLate 1 saves: Transformer and 1_Dense, the rest in the configuration; its prefixes are added tokens."""
    from transformers import AutoModel, AutoTokenizer

    torch.manual_seed(6)
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    tokenizer.add_tokens(["[Q] ", "[D] "])
    model = AutoModel.from_pretrained(backbone)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    width = model.config.hidden_size
    rows = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"},
    ]
    dense = {
        "in_features": width,
        "out_features": components,
        "bias": False,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    config = {
        "model_type": "ColBERT",
        "prompts": {},
        "default_prompt_name": None,
        "similarity_fn_name": "MaxSim",
        "query_prefix": "[Q] ",
        "document_prefix": "[D] ",
        "query_length": 9,
        "document_length": 14,
        "attend_to_expansion_tokens": False,
        "skiplist_words": ["[", "]"],
        "do_query_expansion": True,
        **values,
    }
    write_json(folder / "modules.json", rows)
    write_json(folder / CONFIG, {key: value for key, value in config.items() if value is not ...})
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 13, "do_lower_case": False})
    (folder / "1_Dense").mkdir()
    write_json(folder / "1_Dense" / "config.json", dense)
    save_file({"linear.weight": torch.randn(components, width)}, folder / "1_Dense" / "model.safetensors")
    return folder


def write_stanford(folder: Path, backbone: Path, *, components: int = 8, **values: Any) -> Path:
    """What ColBERTv2 saves: bert.* and linear.weight in one file, artifact.metadata, markers in the vocabulary."""
    shutil.copytree(backbone, folder)
    weights = {f"bert.{name}": value for name, value in load_file(folder / "model.safetensors").items()}
    width = weights["bert.embeddings.word_embeddings.weight"].shape[1]
    weights["linear.weight"] = torch.randn(components, width, generator=torch.Generator().manual_seed(7))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", {**config, "architectures": ["HF_ColBERT"]})
    metadata = {
        "query_token_id": "[unused0]",
        "doc_token_id": "[unused1]",
        "query_token": "[Q]",
        "doc_token": "[D]",
        "query_maxlen": 10,
        "doc_maxlen": 15,
        "attend_to_mask_tokens": False,
        "mask_punctuation": True,
        "similarity": "cosine",
        "dim": components,
    }
    write_json(folder / "artifact.metadata", {**metadata, **values})
    return folder


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def edit(path: Path, **values: Any) -> None:
    """Change what a JSON file says."""
    write_json(path, {**json.loads(path.read_text()), **values})
