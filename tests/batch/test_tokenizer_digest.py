"""A store of tokens is named by the tokenizer as it is loaded, a plan's key by every file that one may be read from."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer, BertConfig, BertModel, RobertaConfig, RobertaModel

from retrieval_kd.batch.store import tokenise, tokenizer_digest
from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.encoders.weights import digest

TEXTS = ["the red fox ran", "a lantern of granite", "rivers and herons"]


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    return Path(write_tiny(tmp_path / "bert", TEXTS))


def roberta(folder: Path, texts: list[str]) -> Path:
    """A folder with vocab.json and merges.txt, as RoBERTa's have, and no tokenizer.json."""
    folder.mkdir()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(texts, vocab_size=290, special_tokens=specials, show_progress=False)
    trained.save_model(str(folder))
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    config = RobertaConfig(vocab_size=trained.get_vocab_size(), max_position_embeddings=40, **sizes)
    RobertaModel(config).save_pretrained(folder)
    return folder


def test_tokenizers_of_other_files_than_tokenizer_json_are_told_apart(tmp_path: Path) -> None:
    one, other = roberta(tmp_path / "one", ["aa ab " * 50]), roberta(tmp_path / "other", ["zz zy " * 50])
    assert tokenise(["aa zz"], str(one)).ids.tolist() != tokenise(["aa zz"], str(other)).ids.tolist()
    assert tokenizer_digest(one) != tokenizer_digest(other)
    assert digest(str(one)) != digest(str(other))


def test_a_tokenizer_saved_again_elsewhere_is_the_same(bert: Path, tmp_path: Path) -> None:
    AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path / "again")
    assert tokenizer_digest(tmp_path / "again") == tokenizer_digest(bert)


def as_written(folder: Path) -> None:
    path = folder / "tokenizer.json"
    rules = json.loads(path.read_text())
    path.write_text(json.dumps({**rules, "normalizer": None}))


def exchanged(folder: Path) -> None:
    """Two words of the vocabulary change places: the file stays as long, and its time is put back."""
    path = folder / "tokenizer.json"
    before, times = path.read_text(), path.stat()
    rules = json.loads(before)
    vocabulary: dict[str, int] = rules["model"]["vocab"]
    vocabulary["fox"], vocabulary["red"] = vocabulary["red"], vocabulary["fox"]
    path.write_text(json.dumps(rules) if len(json.dumps(rules)) == len(before) else json.dumps(rules, indent=2))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def another_mask(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "mask_token": "fox"}))


@pytest.mark.parametrize("change", [as_written, exchanged, another_mask])
def test_a_tokenizer_changed_in_place_is_another_one_for_tokens_and_for_keys(
    bert: Path, change: Callable[[Path], Any]
) -> None:
    tokens, files = tokenizer_digest(bert), digest(str(bert))
    change(bert)
    assert tokenizer_digest(bert) != tokens
    assert digest(str(bert)) != files


@pytest.mark.parametrize(
    "name",
    [
        "special_tokens_map.json",
        "added_tokens.json",
        "merges.txt",
        "vocab.json",
        "sentencepiece.bpe.model",
        "x.tiktoken",
    ],
)
def test_every_file_that_a_tokenizer_may_be_read_from_is_in_the_digest_of_weights(bert: Path, name: str) -> None:
    before = digest(str(bert))
    (bert / name).write_text("{}")
    first = digest(str(bert))
    (bert / name).write_text("[]")
    assert len({before, first, digest(str(bert))}) == 3


def test_weights_in_parts_are_all_in_the_digest(tmp_path: Path) -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 1, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=50, **sizes)).save_pretrained(tmp_path / "whole", max_shard_size="1KB")
    parts = sorted((tmp_path / "whole").glob("*.safetensors"))
    assert len(parts) > 1
    (tmp_path / "whole" / "vocab.txt").write_text("[PAD]\n")
    before = digest(str(tmp_path / "whole"))
    shutil.copy(parts[1], parts[0])
    assert digest(str(tmp_path / "whole")) != before
