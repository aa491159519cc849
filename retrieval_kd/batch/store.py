"""A collection tokenised once per tokenizer: a ragged, memory-mapped int32 store that every stage and recipe shares."""

import hashlib
import itertools
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.tokens import Join
from retrieval_kd.batch.vocabulary import Vocabulary, vocabulary
from retrieval_kd.io.atomic import atomic_folder
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.progress import track
from retrieval_kd.text.records import Passage

_TEXTS_AT_ONCE = 4096


def tokenizer_digest(folder: Path | str) -> str:
    """The content digest of a folder's tokenizer as it is loaded: equal ones in two folders share one store."""
    return vocabulary(str(folder)).digest


def tokenise(texts: Sequence[str], folder: str) -> Ragged:
    """The raw word pieces of texts in memory (for queries)."""
    return vocabulary(folder).ragged(texts)


def tokenise_passages(passages: Sequence[Passage], folder: str, *, join: Join = "blank") -> Ragged:
    """The raw word pieces of passages in memory, each its title and its text, parted by what `join` says."""
    return _pieces(vocabulary(folder), passages, join)


def tokenised(collection: Collection, folder: str, artifacts: Path, *, join: Join = "blank") -> Ragged:
    """The collection's word pieces by position, memory-mapped from `artifacts/tokens-<digest>`, made first if absent.

    A passage is its title and its text, parted by what `join` says. Written aside and renamed, so a killed run leaves
    nothing half made.
    """
    how = "" if join == "blank" else f" {join}"
    key = hashlib.sha256(f"{collection.digest} {tokenizer_digest(folder)}{how}".encode()).hexdigest()
    home = atomic_folder(artifacts / f"tokens-{key[:16]}", lambda aside: _write(aside, collection, folder, join))
    return Ragged(np.load(home / "ids.npy", mmap_mode="r"), np.load(home / "offsets.npy", mmap_mode="r"))


def _write(folder: Path, collection: Collection, tokenizer: str, join: Join) -> None:
    lengths: list[np.ndarray] = []
    words = vocabulary(tokenizer)
    with open(folder / "ids.raw", "wb") as raw:
        for block in track(
            _blocks(collection.values()),
            total=-(-len(collection) // _TEXTS_AT_ONCE),
            label="tokenising passages (blocks)",
        ):
            pieces = _pieces(words, block, join)
            raw.write(pieces.ids.tobytes())
            lengths.append(np.diff(pieces.offsets))
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    np.save(folder / "offsets.npy", offsets)
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.int32)), "fortran_order": False}
    with open(folder / "ids.npy", "wb") as array_file, open(folder / "ids.raw", "rb") as raw:
        np.lib.format.write_array_header_2_0(array_file, {**header, "shape": (int(offsets[-1]),)})
        shutil.copyfileobj(raw, array_file)  # not through a memory map, in which a full disk kills the process
    (folder / "ids.raw").unlink()


def _blocks(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    passages = iter(passages)
    while block := list(itertools.islice(passages, _TEXTS_AT_ONCE)):
        yield block


def _pieces(words: Vocabulary, block: Sequence[Passage], join: Join) -> Ragged:
    if join == "blank":
        return words.ragged([passage.words for passage in block])
    return words.parted([passage.title.strip() for passage in block], [passage.text.strip() for passage in block])
