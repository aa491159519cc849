"""A prompt as a marker: pieces of their own before a text's, where the tokenizer keeps the two apart."""

from functools import lru_cache
from pathlib import Path

from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.scorers.unexpressed import Unexpressed

_TEXTS = ("what is this", "The second", "7 of 9", "été", "(so)", "中文")


@lru_cache(maxsize=64)
def marker(folder: Path, prompt: str, key: str) -> str:
    """The marker whose pieces and a text's are those of the prompt and the text in one; an Unexpressed where the
    tokenizer joins them.
    """
    if not prompt:
        return ""
    words = vocabulary(str(folder))
    joined_pieces = [words.pieces(prompt + text) for text in _TEXTS]
    for candidate in (prompt, prompt.rstrip()):
        if joined_pieces == [(*words.pieces(candidate), *words.pieces(text)) for text in _TEXTS]:
            return candidate
    return Unexpressed(
        f"{folder}: its tokenizer joins the prompt {prompt!r} with the word behind it, as no marker does: give {key}="
    )
