"""A collection of passages on disk, read through memory maps."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import atomic_folder
from retrieval_kd.text.collection_files import hash_of, mapped_array, mapped_bytes, write_collection
from retrieval_kd.text.records import Passage


def nth_passage(position: int) -> str:
    """How an error names a passage of which only the position is known."""
    return f"passage {position + 1}"


class Collection(Mapping[str, Passage]):
    """passage id → Passage, over a folder of files that are mapped and never read whole.

    texts.bin holds title and text of passage 0, 1, … one after the other in UTF-8, ids.bin the ids; text_ends.bin
    (int64 [2 · passages + 1]) and id_ends.bin (int64 [passages + 1]) say where each begins and ends. Ids are looked
    up by binary search over hashes.bin (sorted uint64), with the position of each in order.bin (int64); equal hashes
    are told apart by the id itself.

    `digest` is the SHA-256 of all ids, titles and texts in order. Two collections are equal if their digests are.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        try:
            about = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        except OSError:
            raise UserError(f"{self.folder} holds no collection; give a folder made by Collection.write") from None
        self.digest: str = about["digest"]
        self._count: int = about["passages"]
        self._texts, self._ids = mapped_bytes(self.folder / "texts.bin"), mapped_bytes(self.folder / "ids.bin")
        self._text_ends = mapped_array(self.folder / "text_ends.bin", np.int64)
        self._id_ends = mapped_array(self.folder / "id_ends.bin", np.int64)
        self._hashes = mapped_array(self.folder / "hashes.bin", np.uint64)
        self._order = mapped_array(self.folder / "order.bin", np.int64)

    @staticmethod
    def write(
        folder: Path | str, passages: Iterable[Passage], *, where: Callable[[int], str] = nth_passage
    ) -> "Collection":
        """Stream the passages into a new folder, written aside and renamed when whole.

        `where(position)` says where a passage came from, for errors. Raises UserError if the folder is there already,
        there is no passage, an id is empty, holds white space (it parts the columns of a run) or is given twice, or a
        text is no Unicode.
        """
        folder = Path(folder)
        if folder.exists():
            raise UserError(f"{folder} is there already; give a folder that is not")
        atomic_folder(folder, lambda aside: write_collection(aside, passages, where=where))
        return Collection(folder)

    def position(self, passage_id: str) -> int:
        """The position of a passage, from 0 in the order of writing. Raises KeyError for an unknown id."""
        wanted = np.uint64(hash_of(passage_id.encode()))
        at = int(np.searchsorted(self._hashes, wanted))
        while at < self._count and self._hashes[at] == wanted:
            position = int(self._order[at])
            if self.id_at(position) == passage_id:
                return position
            at += 1
        raise KeyError(passage_id)

    def positions(self, passage_ids: Sequence[str]) -> NDArray[np.int64]:
        """The positions of many passages [id]; -1 for an unknown one."""
        wanted = np.fromiter((hash_of(passage_id.encode()) for passage_id in passage_ids), np.uint64, len(passage_ids))
        at = np.minimum(np.searchsorted(self._hashes, wanted), self._count - 1)
        positions = np.where(self._hashes[at] == wanted, self._order[at], -1)
        for number in np.flatnonzero(positions >= 0).tolist():
            if self.id_at(positions[number]) != passage_ids[number]:  # two ids with one hash
                positions[number] = self.position(passage_ids[number]) if passage_ids[number] in self else -1
        return positions

    def id_at(self, position: int) -> str:
        """The id of the passage at a position."""
        return self._ids[self._id_ends[position] : self._id_ends[position + 1]].decode()

    def at(self, position: int) -> Passage:
        """The passage at a position."""
        start, middle, end = self._text_ends[2 * position : 2 * position + 3]
        return Passage(self.id_at(position), self._texts[start:middle].decode(), self._texts[middle:end].decode())

    @property
    def ids(self) -> "Ids":
        """All ids by position, read as they are asked for."""
        return Ids(self)

    def ids_at(self, positions: NDArray[Any]) -> list[str]:
        """The ids of the passages at many positions."""
        ends = zip(self._id_ends[positions].tolist(), self._id_ends[positions + 1].tolist(), strict=True)
        return [self._ids[start:end].decode() for start, end in ends]

    def __getitem__(self, passage_id: str) -> Passage:
        return self.at(self.position(passage_id))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return (self.id_at(position) for position in range(self._count))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Collection) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Collection({str(self.folder)!r}): {self._count} passages"

    def __reduce__(self) -> tuple[Any, ...]:
        return Collection, (self.folder,)


class Ids(Sequence[str]):
    """A collection's ids as a sequence, without a list of them."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def __len__(self) -> int:
        return len(self._collection)

    def at_positions(self, positions: NDArray[Any]) -> list[str]:
        """The ids at many positions, read together."""
        return self._collection.ids_at(positions)

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self._collection.id_at(at) for at in range(*position.indices(len(self)))]
        at = position + len(self) if position < 0 else position
        if not 0 <= at < len(self):
            raise IndexError(f"position {position} of {len(self)} ids")
        return self._collection.id_at(at)
