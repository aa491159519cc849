"""Random small backbones of many families, each with a trained tokenizer of the kind that the family has."""

from pathlib import Path
from typing import Any

import torch

from tests.encoders.families import SIZES

TEXTS = [
    "red foxes ran home and slept all day",
    "a dog sat on the mat, reading",
    "the small dogs were running to it",
    "cats are not dogs; foxes are neither",
]
_PIECES = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
_SIZES = {**SIZES, "num_hidden_layers": 6}
_OTHER: dict[str, dict[str, Any]] = {  # what a family calls otherwise, or needs beside
    "albert": {"embedding_size": 16},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
    "distilbert": {"dim": 32, "n_layers": 6, "n_heads": 2, "hidden_dim": 48},
    "electra": {"embedding_size": 16},
    "llama": {"num_key_value_heads": 2},
    "modernbert": {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
}
FAMILIES = {  # family → how its tokenizers break words up
    "albert": "unigram",
    "bert": "wordpiece",
    "camembert": "unigram",
    "data2vec-text": "bytes",
    "deberta": "bytes",
    "deberta-v2": "unigram",
    "distilbert": "wordpiece",
    "electra": "wordpiece",
    "ernie": "wordpiece",
    "megatron-bert": "wordpiece",
    "modernbert": "bytes",
    "mpnet": "wordpiece",
    "rembert": "unigram",
    "roberta": "bytes",
    "xlm-roberta": "unigram",
    "xmod": "unigram",
}


def write_backbone(folder: Path, family: str, **options: Any) -> Path:
    """A backbone of this family in a folder, six blocks deep."""
    from transformers import AutoConfig, AutoModel

    tokenizer = _tokenizer(FAMILIES.get(family, "bytes"))
    sizes = {**_SIZES, **_OTHER.get(family, {}), "vocab_size": len(tokenizer), "pad_token_id": 0}
    torch.manual_seed(len(family))
    model = AutoModel.from_config(AutoConfig.for_model(family, **{**sizes, **options}))
    with torch.no_grad():
        for value in model.parameters():
            if value.dim() > 1:
                value.normal_(0, 0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(kind: str) -> Any:
    """A tokenizer trained on the texts: WordPiece, byte-level BPE, or sentencepiece's unigrams."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special: dict[str, Any] = {"special_tokens": list(_PIECES), "show_progress": False}
    trainer: Any
    if kind == "wordpiece":
        rules = Tokenizer(models.WordPiece(unk_token="<unk>"))
        rules.normalizer, rules.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=90, **special)
    elif kind == "bytes":
        rules = Tokenizer(models.BPE())
        rules.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **special)
    else:
        rules = Tokenizer(models.Unigram())
        rules.normalizer, rules.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=90, unk_token="<unk>", **special)
    rules.train_from_iterator(TEXTS, trainer)
    ends = [(piece, rules.token_to_id(piece)) for piece in ("<s>", "</s>")]
    single, pair = "<s> $A </s>", "<s> $A </s> $B:1 </s>:1"
    rules.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=ends)
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _PIECES, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=rules, **names)
