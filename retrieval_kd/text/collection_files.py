"""The files of a collection: how they are laid out, written and mapped."""

import hashlib
import json
import mmap
import struct
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval_kd.errors import UserError
from retrieval_kd.text.records import Passage, is_id

SORTED_AT_ONCE = 1_000_000  # ids whose hashes are sorted in memory together: some 24 MB


def hash_of(name: bytes) -> int:
    """An id's place in the index: the first 64 bits of its BLAKE2b."""
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")


def mapped_bytes(path: Path) -> "mmap.mmap | bytes":
    """A file's bytes, mapped; no bytes where it is empty, which cannot be mapped."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


def mapped_array(path: Path, kind: type[Any]) -> NDArray[Any]:
    """A file's numbers [n], mapped."""
    return np.asarray(np.memmap(path, dtype=kind, mode="r"))


def write_collection(folder: Path, passages: Iterable[Passage], *, where: Callable[[int], str]) -> None:
    """All files of a collection into a folder, in one pass and in bounded memory.

    Raises UserError if there is no passage, an id is empty, holds white space or is given twice, or a text is no
    Unicode.
    """
    count, digest = _write_passages(folder, passages, where)
    if not count:
        raise UserError("the collection is empty; give at least one passage")
    _write_index(folder, count)
    _refuse_doubles(folder, where)
    (folder / "unsorted.bin").unlink()
    (folder / "about.json").write_text(json.dumps({"passages": count, "digest": digest}) + "\n", encoding="utf-8")


def _write_passages(folder: Path, passages: Iterable[Passage], where: Callable[[int], str]) -> tuple[int, str]:
    """Texts, ids, their ends, and the hashes by position; the count and the digest."""
    digest, count, id_end, text_end = hashlib.sha256(), 0, 0, 0
    with ExitStack() as stack:
        names = ("texts", "ids", "text_ends", "id_ends", "unsorted")
        texts, ids, text_ends, id_ends, unsorted = (stack.enter_context(open(folder / f"{n}.bin", "wb")) for n in names)
        text_ends.write(struct.pack("<q", 0))
        id_ends.write(struct.pack("<q", 0))
        for count, passage in enumerate(passages, 1):
            name, title, text = _utf8(passage, position=count - 1, where=where)
            digest.update(struct.pack("<3q", len(name), len(title), len(text)) + name + title + text)
            ids.write(name)
            texts.write(title + text)
            middle = text_end + len(title)
            id_end, text_end = id_end + len(name), middle + len(text)
            text_ends.write(struct.pack("<2q", middle, text_end))
            id_ends.write(struct.pack("<q", id_end))
            unsorted.write(struct.pack("<Q", hash_of(name)))
    return count, digest.hexdigest()


def _utf8(passage: Passage, *, position: int, where: Callable[[int], str]) -> tuple[bytes, bytes, bytes]:
    """Id, title and text in UTF-8."""
    if not is_id(passage.id):
        raise UserError(
            f"{where(position)} has the id {passage.id!r}; give an id that is not empty and holds no white space"
        )
    try:
        return passage.id.encode(), passage.title.encode(), passage.text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{where(position)} holds half a character ({error.reason}); give whole Unicode characters"
        ) from None


def _write_index(folder: Path, count: int) -> None:
    """hashes.bin (sorted) and order.bin (their positions), one range of hashes after the other."""
    unsorted = mapped_array(folder / "unsorted.bin", np.uint64)
    ranges = count // SORTED_AT_ONCE + 1
    range_of = unsorted // np.uint64(2**64 // ranges + 1) if ranges > 1 else np.zeros(count, np.uint64)
    with open(folder / "hashes.bin", "wb") as hashes, open(folder / "order.bin", "wb") as order:
        for number in range(ranges):
            positions = np.flatnonzero(range_of == number)
            positions = positions[np.argsort(unsorted[positions], kind="stable")].astype(np.int64)
            positions.tofile(order)
            unsorted[positions].tofile(hashes)


def _refuse_doubles(folder: Path, where: Callable[[int], str]) -> None:
    """Raise UserError for the first id that stands twice: equal hashes are neighbours, the earlier position first."""
    hashes, order = mapped_array(folder / "hashes.bin", np.uint64), mapped_array(folder / "order.bin", np.int64)
    ids, ends = mapped_bytes(folder / "ids.bin"), mapped_array(folder / "id_ends.bin", np.int64)
    for at in np.flatnonzero(hashes[1:] == hashes[:-1]):
        first, second = order[at : at + 2]
        name = ids[ends[first] : ends[first + 1]]
        if name == ids[ends[second] : ends[second + 1]]:
            raise UserError(
                f"{where(int(second))} repeats the id {name.decode()!r} of {where(int(first))}; give every id once"
            )
