"""Titles of passages: those of a file, as RocketQA gives it for MS MARCO, or of a column beside texts."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.lines import line_at, numbered
from retrieval_kd.text.records import Passage

TITLES = "an id and a title a line, parted by one tab"
_log = logging.getLogger(__name__)


class Titles:
    """The titles of a stream of passages: those of a file (null: those that the passages have), and how many have none.

    The file may be in any order and is never held in memory; one in the passages' order is the fastest. Raises
    UserError for a line that is none, an id that stands twice, and a file that names no passage.
    """

    def __init__(self, path: Path | None) -> None:
        self.path, self.passages, self.lacking, self.named = path, 0, 0, 0
        self.titles: int | None = None

    def of(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """The passages with their titles, counted as they pass."""
        for passage in passages if self.path is None else self._with_titles(passages, self.path):
            self.passages += 1
            self.lacking += not passage.title.strip()
            yield passage
        if self.lacking:
            _log.warning("%d of %d passages have no title", self.lacking, self.passages)
        if self.titles is not None and self.titles > self.named:
            _log.warning("%s: titles of no passage: %d", self.path, self.titles - self.named)

    def about(self) -> Mapping[str, str]:
        """Notes for the corpus' record, once all passages have passed."""
        return {"passages without a title": str(self.lacking)}

    def _with_titles(self, passages: Iterable[Passage], path: Path) -> Iterator[Passage]:
        with TemporaryDirectory(prefix="titles-") as scratch:
            titles = Collection.write(Path(scratch) / "titles", _rows(path), where=partial(line_at, path))
            self.titles, place = len(titles), 0
            for passage in passages:
                if place == len(titles) or titles.id_at(place) != passage.id:
                    try:
                        place = titles.position(passage.id)
                    except KeyError:
                        yield passage
                        continue
                self.named += 1
                yield passage._replace(title=titles.at(place).title)
                place += 1
        if not self.named:
            raise UserError(f"{path} names no passage of the collection; give titles by the collection's own ids")


def _rows(path: Path) -> Iterator[Passage]:
    """Ids and titles. Raises UserError for a line that has not two columns, and if there is no line."""
    number = 0
    for number, line in numbered(path, holds=TITLES):
        name, *title = line.split("\t")
        if len(title) != 1:
            raise UserError(f"{path}:{number} has {len(title) + 1} columns; give {TITLES}")
        yield Passage(name, title[0], "")
    if not number:
        raise UserError(f"{path} is empty; give {TITLES}")
