"""A random small backbone with a whole-word tokenizer, written as a folder: for tests, which may not download."""

import re
from collections.abc import Iterable
from pathlib import Path

import torch

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_tiny(
    folder: Path, texts: Iterable[str], *, layers: int = 2, dim: int = 32, heads: int = 2, seed: int = 0
) -> Path:
    """Write a BERT of this size whose vocabulary is the lower-cased words of `texts`; the folder loads like any
    backbone.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text.lower())} | set("[]qd"))
    vocabulary = {word: number for number, word in enumerate([*_SPECIAL, *words])}
    rules = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    rules.normalizer = normalizers.Lowercase()
    rules.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rules.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _SPECIAL, strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    PreTrainedTokenizerFast(tokenizer_object=rules, **names).save_pretrained(folder)
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=dim,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=2 * dim,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    torch.random.set_rng_state(state)
    return folder
