"""The three records that everything in this room is made of."""

from typing import NamedTuple


def is_id(name: str) -> bool:
    """Whether a name can be an id: not empty, and without white space, which parts the columns of a run."""
    return len(name.split()) == 1 and name == name.strip()


class Passage(NamedTuple):
    """A text of a collection."""

    id: str
    title: str
    text: str

    @property
    def words(self) -> str:
        """What a scorer reads: title and text joined by a blank."""
        return f"{self.title} {self.text}".strip()


class Judgment(NamedTuple):
    """Somebody looked at the passage for this query; a grade above 0 means relevant."""

    query_id: str
    passage_id: str
    grade: int


class Ranked(NamedTuple):
    """A passage in a list, with the score that put it there (more is better)."""

    passage_id: str
    score: float
