"""A made-up collection of millions of passages with its token store, and queries with lists over it."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from experiments.speed.ours.opened import ARTIFACTS
from experiments.speed.places import WORK
from experiments.speed.texts import Words, blocks, words, written
from retrieval_kd.batch.store import tokenised, tokenizer_digest
from retrieval_kd.io.atomic import atomic_folder
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.corpus import Corpus
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.records import Judgment, Passage
from retrieval_kd.text.run import Run

QUERIES, DEPTH = 2000, 30


def large(count: int, tokenizer: Path) -> Corpus:
    """So many passages, made once; query n asks for a passage that a seed draws."""
    known = words(tokenizer)
    place = WORK / f"large-{count}"
    if not place.exists():
        Collection.write(place, (Passage(f"p{n}", "", text) for n, text in enumerate(written(count, known, seed=2))))
    collection = Collection(place)
    _store(collection, known, tokenizer)
    names = [f"q{n}" for n in range(QUERIES)]
    asked = np.random.default_rng(3).integers(count, size=QUERIES)
    queries = dict(zip(names, written(QUERIES, known, seed=2, queries=True), strict=True))
    judgments = Judgments.of(Judgment(name, f"p{at}", 1) for name, at in zip(names, asked, strict=True))
    splits = {"train": tuple(names)}
    return Corpus("large", collection, queries, judgments, splits, (), collection.digest, {}, False)


def candidates(count: int, path: Path) -> None:
    """Lists of passages from all over the collection."""
    chance = np.random.default_rng(4)
    lists = {f"q{n}": chance.choice(count, DEPTH, replace=False) for n in range(QUERIES)}
    Run.of({name: [(f"p{at}", -float(rank)) for rank, at in enumerate(found)] for name, found in lists.items()}).write(
        path
    )


def _store(collection: Collection, known: Words, tokenizer: Path) -> None:
    """The token store that `tokenised` would make, from the words' numbers: tokenising 8.8 million takes half an hour.

    For up to 20 000 passages it makes both, and raises ValueError if they differ.
    """
    key = hashlib.sha256(f"{collection.digest} {tokenizer_digest(tokenizer)}".encode()).hexdigest()
    home = atomic_folder(ARTIFACTS / f"tokens-{key[:16]}", lambda folder: _pieces(folder, len(collection), known))
    if len(collection) <= 20_000:
        with tempfile.TemporaryDirectory() as anew:
            real = tokenised(collection, str(tokenizer), Path(anew))
            same = np.array_equal(real.ids, np.load(home / "ids.npy", mmap_mode="r"))
            if not same or not np.array_equal(real.offsets, np.load(home / "offsets.npy")):
                raise ValueError(f"{home} is not what tokenising gives: its layout has changed")


def _pieces(folder: Path, count: int, known: Words) -> None:
    sizes = np.concatenate([sizes for sizes, _ in blocks(count, len(known.texts), seed=2)])
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    np.save(folder / "offsets.npy", offsets)
    ids = np.lib.format.open_memmap(folder / "ids.npy", mode="w+", dtype=np.int32, shape=(int(offsets[-1]),))
    for first, part in _placed(blocks(count, len(known.texts), seed=2)):
        ids[first : first + len(part)] = known.pieces[part]
    ids.flush()


def _placed(parts: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[int, np.ndarray]]:
    first = 0
    for _, numbers in parts:
        yield first, numbers
        first += len(numbers)
