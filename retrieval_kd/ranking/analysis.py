"""From a text to the words that BM25 counts, in any script; and which way fits a collection.

`english` finds words as Lucene's English analysis does, by Python's `re`, whose words end at every combining mark.
`unicode` takes Unicode's compatibility form (NFKC) and the words of the `regex` library, to which marks belong: Hindi,
Tamil, vowelled Arabic. `bigram` moreover cuts what is written without blanks between words (Chinese, Japanese, Thai,
Lao, Khmer, Burmese …), and Korean, whose words carry their particles, into characters and pairs of neighbours. A
character is a grapheme cluster: vowels and tones stay with their letter.

Source: Nie, Gao, Zhang & Zhou (IRAL 2000) for characters beside pairs in Chinese; Lucene's CJKBigramFilter.
"""

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import regex

from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection

Analyser = Literal["english", "unicode", "bigram"]
Words = Callable[[str], list[str]]

LOOKED_AT = 2000  # passages, evenly over the collection, by which an analyser is chosen
CHANGES = (
    0.01  # share of the letters from which on an analyser for them is chosen; elsewhere it changes next to nothing
)

_WITHOUT_BLANKS = r"""[[
    \p{Script_Extensions=Han}\p{Script_Extensions=Hiragana}\p{Script_Extensions=Katakana}
    \p{Script_Extensions=Bopomofo}\p{Script=Hangul}\p{Script=Javanese}\p{Script=Balinese}
    \p{Line_Break=Complex_Context}]&&[\p{L}\p{M}]]""".replace("\n", "").replace(" ", "")
_RUN = regex.compile(f"(?V1){_WITHOUT_BLANKS}+")
_CHARACTER = regex.compile(r"\X")
_LETTER, _MARK, _LATIN = regex.compile(r"\p{L}"), regex.compile(r"\p{M}"), regex.compile(r"\p{Latin}")


class Letters(NamedTuple):
    """Shares of a collection's letters and marks: written without blanks (and Korean), marks elsewhere, Latin."""

    without_blanks: float
    marks: float
    latin: float


def letters_of(collection: Collection) -> Letters:
    """What the passages are written in, by a look at some of them."""
    step = max(1, len(collection) // LOOKED_AT)
    texts = [collection.at(position).words for position in range(0, len(collection), step)]
    unspaced, marks, latin, letters = 0, 0, 0, 0
    for text in texts:
        if text.isascii():
            count = sum(map(str.isalpha, text))
            latin, letters = latin + count, letters + count
            continue
        spaced = _RUN.sub(" ", text)
        unspaced += sum(map(len, _RUN.findall(text)))
        latin += len(_LATIN.findall(spaced))
        marks += len(_MARK.findall(spaced))
        letters += len(_LETTER.findall(spaced))
    total = max(1, unspaced + marks + letters)
    return Letters(unspaced / total, marks / total, latin / total)


def fitting(letters: Letters) -> tuple[Analyser, str]:
    """(the analyser for such letters, why), the why as a sentence to log."""
    if letters.without_blanks >= CHANGES:
        share = f"{letters.without_blanks:.0%} of the letters are of scripts without blanks between words, or Korean"
        return "bigram", f"{share}: they count as characters and pairs of neighbours"
    if letters.marks >= CHANGES:
        return "unicode", f"{letters.marks:.0%} of the letters are combining marks: they count as parts of words"
    if letters.latin < 0.5:
        return (
            "english",
            f"{letters.latin:.0%} of the letters are Latin: give ranker.stemmer and stopwords of the language",
        )
    return "english", "the letters are Latin"


def analysis(analyser: Analyser, pattern: str, *, stem: Callable[[str], str], stopwords: frozenset[str]) -> Words:
    """The function from a text to its words: lower case, found by the pattern, without stop words, stemmed.

    Raises UserError for an analyser that is none, and a pattern that is no regular expression.
    """
    if analyser not in get_args(Analyser):
        raise UserError(f"analyser={analyser!r} is none: give null or one of {', '.join(get_args(Analyser))}")
    engine = re if analyser == "english" else regex
    try:
        find: Callable[[str], list[str]] = engine.compile(pattern).findall
    except (re.error, regex.error) as error:
        raise UserError(
            f"pattern={pattern!r} is no regular expression ({error}): give one that matches a word"
        ) from None

    def words(text: str) -> list[str]:
        return [stem(word) for word in find(text.lower()) if word not in stopwords]

    def composed(text: str) -> list[str]:
        return words(unicodedata.normalize("NFKC", text))

    def cut(text: str) -> list[str]:
        text = unicodedata.normalize("NFKC", text)
        pairs = [part for run in _RUN.findall(text) for part in characters_and_pairs(run)]
        return words(_RUN.sub(" ", text)) + pairs

    return {"english": words, "unicode": composed, "bigram": cut}[analyser]


def characters_and_pairs(run: str) -> list[str]:
    """The characters of a run without blanks, and each with its neighbour."""
    characters = _CHARACTER.findall(run)
    return characters + [one + two for one, two in pairwise(characters)]
