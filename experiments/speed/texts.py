"""Made-up texts with the lengths of MS MARCO passages, of words that are one word piece each."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

# log-normal token counts, specials included: mean 59, 95th percentile 110, none above 220
_MU, _SIGMA, _LONGEST = 3.982, 0.4367, 220
_QUERY_MU, _QUERY_SIGMA, _QUERY_LONGEST = 2.1, 0.35, 32  # mean 9
_SPECIALS = 2
_AT_ONCE = 16_384


class Words(NamedTuple):
    """Words that the tokenizer leaves whole, and their pieces, the more frequent first."""

    texts: np.ndarray
    pieces: np.ndarray


def words(tokenizer: Path) -> Words:
    """Every lower-case word of four letters or more that is an entry of the tokenizer's vocabulary."""
    vocabulary = json.loads((tokenizer / "tokenizer.json").read_text())["model"]["vocab"]
    whole = sorted((piece, text) for text, piece in vocabulary.items() if text.isascii() and text.isalpha())
    kept = [(piece, text) for piece, text in whole if text.islower() and len(text) >= 4]
    return Words(np.array([text for _, text in kept]), np.array([piece for piece, _ in kept], dtype=np.int32))


def lengths(chance: np.random.Generator, count: int, *, queries: bool = False) -> np.ndarray:
    """Words a text: the tokens that are drawn, less the two specials."""
    mu, sigma, longest = (_QUERY_MU, _QUERY_SIGMA, _QUERY_LONGEST) if queries else (_MU, _SIGMA, _LONGEST)
    return np.clip(np.rint(chance.lognormal(mu, sigma, count)), 4, longest).astype(np.int64) - _SPECIALS


def drawn(chance: np.random.Generator, sizes: np.ndarray, known: int) -> np.ndarray:
    """Numbers of words, end to end: a few are frequent and many are rare (a power law)."""
    return np.floor(known * chance.random(int(sizes.sum())) ** 3).astype(np.int64)


def blocks(count: int, known: int, *, seed: int, queries: bool = False) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(words a text, numbers of words) of so many texts, in blocks; the same seed gives the same texts."""
    for first in range(0, count, _AT_ONCE):
        chance = np.random.default_rng([seed, int(queries), first])
        sizes = lengths(chance, min(_AT_ONCE, count - first), queries=queries)
        yield sizes, drawn(chance, sizes, known)


def written(count: int, vocabulary: Words, *, seed: int, queries: bool = False) -> Iterator[str]:
    """The texts as text."""
    for sizes, numbers in blocks(count, len(vocabulary.texts), seed=seed, queries=queries):
        for part in np.split(vocabulary.texts[numbers], np.cumsum(sizes)[:-1]):
            yield " ".join(part.tolist())
