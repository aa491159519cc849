"""Dark examples: passages made up between relevant and not, for a teacher's finer judgment (Tao et al. 2022).

A noisy positive is the listed positive with words masked; a reinforced negative is a listed negative with words of the
positive in it. Edits are made on words, so that scorers with other tokenizers read the same passage.
Source: arXiv 2212.10192, whose text was not read: what follows is a Reading (ratios, copies, operations are options).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from retrieval_kd.batch.sampling import Drawn, place_of
from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection

Unit = Literal["word", "sentence"]
How = Literal["span_insert", "word_mix", "concatenate"]
Words = Sequence[str]
MASKED = "\0"  # a masked word, before a tokenizer's own mask takes its place; no word of a passage is one
_DARK = 3  # what a generator is for, beside those of the draw (sampling)
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*$")


@dataclass(frozen=True)
class Dark:
    """Which dark examples a query with a positive lists, beside its candidates.

    `noisy_positives` copies of the positive, each with a share of its words masked that is uniform in `mask_ratio`, by
    `unit`; `reinforced_negatives` copies, copy c of the c-th listed negative (and around again), each with a share of
    words of the positive that is uniform in `ratio`, put there as `how` says. Raises UserError for negative numbers, or
    ratios that are not two rising numbers from 0 to 1.
    """

    noisy_positives: int
    mask_ratio: Sequence[float]
    unit: Unit
    reinforced_negatives: int
    ratio: Sequence[float]
    how: How

    def __post_init__(self) -> None:
        for name in ("noisy_positives", "reinforced_negatives"):
            if getattr(self, name) < 0:
                raise UserError(f"data.dark.{name}={getattr(self, name)}: give 0 or a number of copies")
        for name in ("mask_ratio", "ratio"):
            bounds = list(getattr(self, name))
            if len(bounds) != 2 or not 0 <= bounds[0] <= bounds[1] <= 1:
                raise UserError(
                    f"data.dark.{name}={bounds}: give the lowest and the highest share of words, [low, high] "
                    "from 0 to 1"
                )

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        options_of = {"noisy_positives": ("mask_ratio", "unit"), "reinforced_negatives": ("ratio", "how")}
        unused = {copies: keys for copies, keys in options_of.items() if not node[copies]}
        return {key: f"there are no such copies; give {at}.{copies}" for copies, keys in unused.items() for key in keys}

    @property
    def copies(self) -> int:
        """The dark columns of every list."""
        return self.noisy_positives + self.reinforced_negatives


@dataclass(frozen=True)
class Edits:
    """The dark examples of a step as functions of (seed, step, query number) and its draw: the same for any worker and
    rank, and after a resume. `start` queries were drawn before step 0, as lists know it too.
    """

    dark: Dark
    seed: int
    collection: Collection
    start: int = 0

    def __call__(self, drawn: Drawn, step: int, *, longest: int) -> list[list[Words | None]]:
        """[query][copy] → words, or None where a query has no positive or its edit changed nothing.

        Of every passage the first `longest` words alone are read, since no scorer reads more.
        """
        return [
            self._examples(query, listed[listed >= 0].tolist(), step, longest) if known else [None] * self.dark.copies
            for query, listed, known in zip(drawn.queries.tolist(), drawn.passages, drawn.judged.tolist(), strict=True)
        ]

    def _examples(self, query: int, listed: Sequence[int], step: int, longest: int) -> list[Words | None]:
        chance = np.random.default_rng([self.seed, _DARK, *place_of(step, self.start), query])
        dark, negatives = self.dark, listed[1:]
        positive = self._words(listed[0], longest)
        examples: list[Words | None] = []
        for _ in range(dark.noisy_positives):
            noisy = masked(positive, _draw_ratio(dark.mask_ratio, chance), MASKED, chance, dark.unit)
            examples.append(noisy if noisy != positive else None)
        for copy in range(dark.reinforced_negatives if len(negatives) else 0):
            negative = self._words(negatives[copy % len(negatives)], longest)
            strong = reinforced(negative, positive, _draw_ratio(dark.ratio, chance), dark.how, chance)
            examples.append(strong if strong not in (negative, positive) else None)
        return [*examples, *[None] * (dark.copies - len(examples))]

    def _words(self, passage: int, longest: int) -> list[str]:
        return self.collection.at(passage).words.split()[:longest]


def masked(words: Words, ratio: float, mask: str, chance: np.random.Generator, unit: Unit = "word") -> list[str]:
    """The words with each word, or each whole sentence, replaced by as many masks with probability `ratio`.

    0 changes nothing, 1 masks all. A sentence ends with a word that ends with a full stop, ! or ?.
    """
    numbers = np.arange(len(words)) if unit == "word" else _sentences(words)
    hidden = (chance.random(int(numbers.max(initial=-1)) + 1) < ratio)[numbers]
    return [mask if hide else word for word, hide in zip(words, hidden.tolist(), strict=True)]


def reinforced(negative: Words, positive: Words, ratio: float, how: How, chance: np.random.Generator) -> list[str]:
    """The negative's words, n = round(ratio · their number) of them given up for n words of the positive (fewer where
    it has fewer).

    `span_insert`: a span of the positive in the place of a span of the negative, both drawn. `word_mix`: drawn words
    of the positive, in their order, in drawn places. `concatenate`: the negative's start, then the positive's start.
    """
    count = min(round(ratio * len(negative)), len(positive))
    remaining = len(negative) - count
    if how == "concatenate":
        return [*negative[:remaining], *positive[:count]]
    if how == "span_insert":
        place, start = int(chance.integers(remaining + 1)), int(chance.integers(len(positive) - count + 1))
        return [*negative[:place], *positive[start : start + count], *negative[place + count :]]
    mixed = list(negative)
    places, sources = (np.sort(chance.permutation(len(words))[:count]).tolist() for words in (negative, positive))
    for place, word in zip(places, sources, strict=True):
        mixed[place] = positive[word]
    return mixed


def written(words: Words, mask: str) -> str:
    """The words as a text, masked ones as a tokenizer's own mask."""
    return " ".join(mask if word == MASKED else word for word in words)


def _draw_ratio(ratio: Sequence[float], chance: np.random.Generator) -> float:
    low, high = ratio
    return chance.uniform(low, high)


def _sentences(words: Words) -> np.ndarray:
    """The number of the sentence that each word is in."""
    ends = np.array([_SENTENCE_END.search(word) is not None for word in words], dtype=np.int64)
    return np.cumsum(ends) - ends
