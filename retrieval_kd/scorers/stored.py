"""Scores that somebody wrote down: a teacher that is a file."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.encoders.unpadded import Kept, Reading
from retrieval_kd.scorers.pools import Share
from retrieval_kd.scorers.scorer import Kind, Scorer
from retrieval_kd.scorers.view import View, Want


class Stored(Scorer):
    """s(q, p) is looked up in a run file. `missing` says what a candidate without a score means: an `error`, that it is
    dropped from the query's list (`drop`), or that it takes the list's `minimum`; it is never silently 0.
    """

    kind: ClassVar[str] = "stored"
    offers: ClassVar[frozenset[str]] = frozenset({"scores"})

    def __init__(self, *, file: str, missing: Literal["error", "drop", "minimum"], scale: float) -> None:
        super().__init__()
        self.file, self.missing, self.scale = file, missing, scale

    def readings(self, batch: Candidates) -> Mapping[Kind, Reading]:
        return {}

    def compare(self, kept: Mapping[Kind, Kept], batch: Candidates, wants: frozenset[Want], share: Share) -> View:
        return View(scores=batch.stored[self.file][batch.rows] * self.scale)

    def keep(self, encoded: object, kind: Kind, wants: frozenset[Want]) -> Kept:
        raise ValueError("stored scores read no text")
