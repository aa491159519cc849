"""A prompt is a marker where the tokenizer keeps it apart from the text behind it."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from retrieval_kd.scorers.foreign_prompts import marker
from retrieval_kd.scorers.unexpressed import Unexpressed

TEXTS = ["query: what is this", "passage: The second 7 of 9 été (so) 中文"] * 5
SPECIAL = {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>", "unk_token": "<unk>", "pad_token": "<pad>"}
KINDS: dict[str, tuple[Any, Any, Any]] = {
    "byte-level BPE": (
        models.BPE(),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=[*SPECIAL.values()]),
    ),
    "SentencePiece": (
        models.Unigram(),
        pre_tokenizers.Metaspace(),
        trainers.UnigramTrainer(vocab_size=120, special_tokens=[*SPECIAL.values()], unk_token="<unk>"),
    ),
}


@pytest.mark.parametrize(("kind", "joined"), [("byte-level BPE", True), ("SentencePiece", False)])
def test_a_prompt_that_a_tokenizer_joins_with_the_word_behind_it_is_no_marker(
    tmp_path: Path, kind: str, joined: bool
) -> None:
    model, before, trainer = KINDS[kind]
    rules = Tokenizer(model)
    rules.pre_tokenizer = before
    rules.train_from_iterator(TEXTS, trainer)
    PreTrainedTokenizerFast(tokenizer_object=rules, **SPECIAL).save_pretrained(tmp_path)
    prompt_marker = marker(tmp_path, "query: ", "query_marker")
    assert isinstance(prompt_marker, Unexpressed) == joined
    assert "joins the prompt 'query: '" in prompt_marker if joined else prompt_marker == "query:"
