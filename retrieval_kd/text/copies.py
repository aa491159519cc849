"""Passages whose texts are equal: an exact copy of a relevant passage is as relevant, though nobody judged it."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from retrieval_kd.text.collection import Collection
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run
from retrieval_kd.text.split import words

Numbers = NDArray[np.int64]


def text_keys(collection: Collection, positions: Numbers) -> NDArray[np.uint64]:
    """A number for each passage [position]: equal where title and text have the same words, lower case and without
    punctuation, as splits are made by; a passage without words equals none but itself.
    """
    found = np.empty(len(positions), np.uint64)
    for place, position in enumerate(positions.tolist()):
        said = " ".join(words(collection.at(position).words)) or f"\0{position}"
        digest = hashlib.blake2b(said.encode(), digest_size=8).digest()
        found[place] = int.from_bytes(digest, "little")
    return found


def without_copies(run: Run, judgments: Judgments, collection: Collection) -> Run:
    """The rows whose passage is no exact copy of one that is judged relevant to the row's query."""
    names = {passage for query in run.query_ids for passage in judgments.relevant(query)} | set(run.passage_ids)
    ids = sorted(names)
    positions = collection.positions(ids)
    keys = dict(zip(ids, text_keys(collection, positions).tolist(), strict=True))
    listed = np.array([keys[name] for name in run.passage_ids], np.uint64)[run.numbers] if len(run.numbers) else None
    if listed is None:
        return run
    kept = np.ones(len(run.numbers), dtype=bool)
    for place, query in enumerate(run.query_ids):
        relevant = {keys[name] for name in judgments.relevant(query)}
        rows = slice(run.offsets[place], run.offsets[place + 1])
        if relevant:
            kept[rows] = ~np.isin(listed[rows], np.fromiter(relevant, np.uint64))
    return run.keep(kept)
