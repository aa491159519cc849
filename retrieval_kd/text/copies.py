"""Passages whose texts are equal: an exact copy of a relevant passage is as relevant, though nobody judged it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval_kd.io.atomic import atomic_folder
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.collection_files import mapped_array
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.progress import track
from retrieval_kd.text.run import Run
from retrieval_kd.text.split import words

_AT_ONCE = 65536
_ASCII = bytes(byte if chr(byte).isalnum() or byte == ord("_") else ord(" ") for byte in range(128)).lower()
_SPACED = _ASCII.ljust(256, b" ")  # what bytes.translate makes words of that `words` finds in ASCII


def text_keys(collection: Collection) -> NDArray[np.uint64]:
    """A number for each passage [position]: equal where title and text have the same words, lower case and without
    punctuation, as splits are made by; a passage without words equals none but itself.

    Mapped from words/keys.bin in the collection's folder, 8 bytes a passage, made first if absent (30 µs each on a
    busy core).
    """
    home = atomic_folder(collection.folder / "words", lambda aside: _write(aside / "keys.bin", collection))
    return mapped_array(home / "keys.bin", np.uint64)


def copies_message(copies: int) -> Iterator[str]:
    """The message on copies that were left out; none where there was no copy."""
    if copies:
        yield f"{copies} listed passages are no negatives: exact copies of one judged relevant"


def _write(path: Path, collection: Collection) -> None:
    with open(path, "wb") as file:
        for block in track(_blocks(len(collection)), total=-(-len(collection) // _AT_ONCE), label="comparing passages"):
            file.write(b"".join(_key(collection.at(position).words, position) for position in block))


def _blocks(count: int) -> Iterator[range]:
    return (range(first, min(first + _AT_ONCE, count)) for first in range(0, count, _AT_ONCE))


def _key(text: str, position: int) -> bytes:
    """The first 64 bits of the BLAKE2b of the words."""
    content = b" ".join(text.encode().translate(_SPACED).split()) if text.isascii() else " ".join(words(text)).encode()
    return hashlib.blake2b(content or f"\0{position}".encode(), digest_size=8).digest()


def without_copies(run: Run, judgments: Judgments, collection: Collection) -> Run:
    """The rows whose passage is no exact copy of one that is judged relevant to the row's query."""
    relevant = {query: sorted(judgments.relevant(query)) for query in run.query_ids}
    names = sorted({name for ids in relevant.values() for name in ids})
    if not names or not len(run.numbers):
        return run
    keys, positions = text_keys(collection), collection.positions(names)
    known = {name: int(keys[at]) for name, at in zip(names, positions.tolist(), strict=True) if at >= 0}
    listed = keys[collection.positions(run.passage_ids)][run.numbers]
    keep, rows = np.ones(len(run.numbers), dtype=bool), run.rows
    for row in np.flatnonzero(np.isin(listed, np.fromiter(set(known.values()), np.uint64))).tolist():
        keep[row] = int(listed[row]) not in {known.get(name) for name in relevant[run.query_ids[rows[row]]]}
    return run.keep(keep)
