"""Queries made of passages, for a collection that brings none: several ways, mixed by share.

Mixed kinds of queries train better students than one kind (arXiv 2505.19274). A span of a passage as its query is the
inverse cloze task (Lee, Chang & Toutanova 2019, ACL, section 4). Nobody judges these queries: a teacher's scores are
all that there is to learn from.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from retrieval_kd.errors import UserError
from retrieval_kd.text.auto.examples import named
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.records import Passage
from retrieval_kd.text.split import share, words

MIXED = {"title": 1.0, "first_sentence": 1.0, "span": 1.0, "keywords": 1.0}
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n\s*\n")
_FEWEST, _MOST = 3, 32  # words of a query
_KEYWORDS = (2, 5)  # words of a list of them, fewest and most
_COUNTED = 20_000  # passages whose words are counted, to tell rare ones
_NAME = re.compile(r"\b(?:def|class|function|func|fn|struct|interface)\s+(\w+)")
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_DOCSTRING = re.compile(r'"""\s*(.+?)(?:\n\s*\n|"""|\.\s)', re.DOTALL)


class Frequencies(NamedTuple):
    """How many of the counted passages have a word."""

    passages: int
    passages_with: Mapping[str, int]


Way = Callable[[Passage, Frequencies, float], str]


def pseudo_queries(
    collection: Collection, shares: Mapping[str, float], *, most: int, seed: int
) -> Iterator[tuple[str, str]]:
    """(id, query): one of each passage, in a way that is drawn by `shares`, where the passage allows one; at most so
    many, of passages that are evenly spread. Raises UserError for a way that there is none of.
    """
    check_ways(shares)
    wanted = {way: part for way, part in shares.items() if part > 0}
    frequencies = _frequencies(collection) if "keywords" in wanted else Frequencies(0, {})
    step = max(1, -(-len(collection) // most))
    seen: set[tuple[str, ...]] = set()
    for position in range(0, len(collection), step):
        passage = collection.at(position)
        query = _query_of(passage, wanted, frequencies, seed)
        key = words(query)
        if query and key not in seen:
            seen.add(key)
            yield named("pq", passage.id, query), query


def check_ways(shares: Mapping[str, float]) -> None:
    """Raises UserError for a way that there is none of, and shares that are no numbers from 0 on."""
    if unknown := [way for way in shares if way not in WAYS]:
        raise UserError(f"corpus.pseudo.{unknown[0]}: there is no such way; give shares of {', '.join(WAYS)}")
    if wrong := [way for way, part in shares.items() if isinstance(part, bool) or not 0 <= part < float("inf")]:
        raise UserError(f"corpus.pseudo.{wrong[0]}={shares[wrong[0]]}: give a share from 0 on")


def _query_of(passage: Passage, wanted: Mapping[str, float], frequencies: Frequencies, seed: int) -> str:
    """The query in the way that is drawn, else in the next one that the passage allows."""
    at, ways = share(seed, passage.id) * sum(wanted.values()), list(wanted)
    first = next((number for number, way in enumerate(ways) if (at := at - wanted[way]) < 0), len(ways) - 1)
    chance = share(seed + 1, passage.id)
    queries = (WAYS[way](passage, frequencies, chance) for way in (*ways[first:], *ways[:first]))
    return next((query for query in queries if query), "")


def _fitting(text: str) -> str:
    """A text as a query: its first words, where it has enough."""
    parts = text.split()
    return " ".join(parts[:_MOST]) if len(parts) >= _FEWEST else ""


def _title(passage: Passage, _: Frequencies, __: float) -> str:
    parts = passage.title.split()
    return " ".join(parts[:_MOST]) if len(parts) >= 2 else ""


def _first_sentence(passage: Passage, _: Frequencies, __: float) -> str:
    return _fitting(_SENTENCE.split(passage.text.strip(), maxsplit=1)[0])


def _span(passage: Passage, _: Frequencies, chance: float) -> str:
    """A sentence that is not the first, or, where there is one alone, a quarter of its words."""
    sentences = [text for text in _SENTENCE.split(passage.text.strip()) if len(text.split()) >= _FEWEST]
    if len(sentences) > 1:
        return _fitting(sentences[1 + int(chance * (len(sentences) - 1))])
    parts = passage.text.split()
    length = min(_MOST, len(parts) // 4)
    start = int(chance * (len(parts) - length + 1))
    return _fitting(" ".join(parts[start : start + length]))


def _keywords(passage: Passage, frequencies: Frequencies, chance: float) -> str:
    """Its most telling words, by how often it has them and how few other passages do, in the order of the text."""
    counted = Counter(words(passage.words))
    telling = sorted(
        (word for word in counted if len(word) > 2 and not word.isdigit()),
        key=lambda word: (-counted[word] / (1 + frequencies.passages_with.get(word, 0)), word),
    )
    fewest, most = _KEYWORDS
    chosen = set(telling[: fewest + int(chance * (most - fewest + 1))])
    return " ".join(word for word in counted if word in chosen) if len(chosen) >= fewest else ""


def _code_name(passage: Passage, _: Frequencies, __: float) -> str:
    """The first name that code defines, split into words."""
    match = _NAME.search(passage.text)
    parts = _PARTS.findall(match[1]) if match else []
    return " ".join(part.lower() for part in parts) if len(parts) >= 2 else ""


def _docstring(passage: Passage, _: Frequencies, __: float) -> str:
    """The first sentence of the first docstring."""
    match = _DOCSTRING.search(passage.text)
    return _fitting(" ".join(match[1].split())) if match else ""


WAYS: Mapping[str, Way] = {
    "title": _title,
    "first_sentence": _first_sentence,
    "span": _span,
    "keywords": _keywords,
    "code_name": _code_name,
    "docstring": _docstring,
}


def _frequencies(collection: Collection) -> Frequencies:
    step = max(1, -(-len(collection) // _COUNTED))
    counted: Counter[str] = Counter()
    positions = range(0, len(collection), step)
    for position in islice(positions, _COUNTED):
        counted.update(set(words(collection.at(position).words)))
    return Frequencies(len(positions), counted)
