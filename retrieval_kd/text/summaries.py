"""Docstrings as a retrieval task: a summary looks for the rest of its docstring."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from retrieval_kd.text.python_source import Docstring
from retrieval_kd.text.records import Passage
from retrieval_kd.text.split import equal_pairs, groups, near_pairs, split_of, words
from retrieval_kd.text.verbatim import Words, standing_in

SHARES = {"train": 0.7, "dev": 0.1, "test": 0.2}
PARAGRAPH = re.compile(r"\n\s*\n")
SENTENCE = re.compile(r"(?<=[.!?])\s+")


class JudgedQuery(NamedTuple):
    """A query with the passages it is looking for (all equally relevant) and the split it falls in."""

    id: str
    text: str
    relevant: tuple[str, ...]
    split: str


class Lengths(NamedTuple):
    """How many words a query may have, and a relevant passage must."""

    query_from: int
    query_to: int
    passage: int

    def asks(self, text: str) -> bool:
        """Whether a text has the length of a query, and a word to look for."""
        return self.query_from <= len(text.split()) <= self.query_to and bool(words(text))


class Task(NamedTuple):
    """What docstrings make: passages, judged queries, and (id, text) of queries that nobody judged."""

    passages: list[Passage]
    judged: list[JudgedQuery]
    unjudged: Mapping[str, str]


def task_of(docstrings: Sequence[Docstring], *, lengths: Lengths) -> Task:
    """Passages and queries from docstrings with distinct names.

    A summary (first paragraph) of the length of a query asks for the body (the rest) if that is long enough. Every
    other docstring is a passage whole. No query's words stand in a row in any passage. Texts with the same words are
    one passage, or one query with all that is relevant to any of them. Queries with equal or near-equal passages fall
    in one split.
    """
    asking = _query_names(docstrings, lengths)
    passages: dict[Words, Passage] = {}
    by_words: dict[Words, list[Docstring]] = {}
    passage_of: dict[str, str] = {}
    for docstring in docstrings:
        text = body(docstring) if docstring.name in asking else docstring.text
        passage_of[docstring.name] = passages.setdefault(words(text), Passage(docstring.name, "", text)).id
        if docstring.name in asking:
            by_words.setdefault(words(summary(docstring)), []).append(docstring)
    relevant = [tuple(dict.fromkeys(passage_of[docstring.name] for docstring in alike)) for alike in by_words.values()]
    splits = _splits(list(by_words), relevant, {passage.id: passage.text for passage in passages.values()})
    judged = [
        JudgedQuery(f"{alike[0].name}?", summary(alike[0]), passage_ids, split)
        for alike, passage_ids, split in zip(by_words.values(), relevant, splits, strict=True)
    ]
    return Task(list(passages.values()), judged, _unjudged(docstrings, asking, lengths, known=set(by_words)))


def summary(docstring: Docstring) -> str:
    """The first paragraph, in one line."""
    return " ".join(PARAGRAPH.split(docstring.text, maxsplit=1)[0].split())


def body(docstring: Docstring) -> str:
    """All after the first paragraph; empty if there is no more."""
    return "".join(PARAGRAPH.split(docstring.text, maxsplit=1)[1:]).strip()


def _query_names(docstrings: Sequence[Docstring], lengths: Lengths) -> frozenset[str]:
    """The names of the docstrings whose summary is a query.

    A summary that leaks stays with its docstring, where it may make another one leak: they are taken out until none
    does.
    """
    asking = {
        docstring.name: words(summary(docstring))
        for docstring in docstrings
        if lengths.asks(summary(docstring)) and len(body(docstring).split()) >= lengths.passage
    }
    while True:
        texts = (words(body(docstring) if docstring.name in asking else docstring.text) for docstring in docstrings)
        leaking = standing_in(frozenset(asking.values()), texts)
        if not leaking:
            return frozenset(asking)
        asking = {name: phrase for name, phrase in asking.items() if phrase not in leaking}


def _splits(queries: Sequence[Words], relevant: Sequence[Sequence[str]], texts: Mapping[str, str]) -> list[str]:
    """The split of each query: one for all that are connected by equal or near-equal relevant passages."""
    names = list(dict.fromkeys(name for passage_ids in relevant for name in passage_ids))
    near = {
        name: number
        for number, group in enumerate(groups(len(names), near_pairs([texts[n] for n in names])))
        for name in (names[i] for i in group)
    }
    split = [""] * len(queries)
    for group in groups(len(queries), equal_pairs([{near[name] for name in passage_ids} for passage_ids in relevant])):
        key = min(" ".join(queries[item]) for item in group)
        for item in group:
            split[item] = split_of(key, SHARES)
    return split


def _unjudged(
    docstrings: Sequence[Docstring], asking: frozenset[str], lengths: Lengths, *, known: set[Words]
) -> dict[str, str]:
    """id → text of other summaries and of sentences of bodies, unless a query has the same words."""
    texts: dict[str, str] = {}
    for docstring in docstrings:
        for number, text in enumerate([summary(docstring), *_sentences(body(docstring))]):
            if lengths.asks(text) and words(text) not in known:
                known.add(words(text))
                texts[f"{docstring.name}?{number}"] = text
    return texts


def _sentences(text: str) -> Iterator[str]:
    """The sentences of every paragraph, each in one line."""
    return (" ".join(sentence.split()) for part in PARAGRAPH.split(text) for sentence in SENTENCE.split(part.strip()))
