"""Scores from a file, as a teacher."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.encoders.unpadded import Reading, Tensors
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.pools import Share
from retrieval_kd.scorers.scorer import Kind, Scorer
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.text.lines import at_home
from retrieval_kd.text.run import Run
from retrieval_kd.text.score_file import Layout, log_odds, read_scores


class Stored(Scorer):
    """s(q, p) is looked up in a file. `missing` says what a candidate without a score means: an `error`, that it is
    dropped from the query's list (`drop`), or that it takes the list's `minimum`; it is never silently 0.

    `layout` is how the file is laid out (text.score_file). `given` says what its numbers are: scores as they stand, or
    probabilities p, which are read as log(p / (1 - p)).
    """

    kind: ClassVar[str] = "stored"
    reads_texts: ClassVar[bool] = False
    offers: ClassVar[frozenset[str]] = frozenset({"scores"})
    teachable: ClassVar[bool] = False

    def __init__(
        self,
        *,
        file: str,
        layout: Layout,
        given: Literal["scores", "probabilities"],
        missing: Literal["error", "drop", "minimum"],
        scale: float,
    ) -> None:
        super().__init__()
        self.file, self.layout, self.given, self.missing, self.scale = file, layout, given, missing, scale

    @classmethod
    def keeps_order(cls, node: Mapping[str, Any]) -> frozenset[str]:
        return super().keeps_order(node) | {"given"}

    def read(self) -> Run:
        """The file's scores. Raises UserError for a line that is none, or a number that is no probability and should
        be.
        """
        run = read_scores(at_home(self.file), self.layout)
        try:
            return log_odds(run) if self.given == "probabilities" else run
        except UserError as error:
            raise UserError(f"{self.file}: {error}") from None

    def readings(self, batch: Candidates) -> Mapping[Kind, Reading]:
        return {}

    def score(self, projected: Mapping[Kind, Tensors], batch: Candidates, wants: frozenset[Want], share: Share) -> View:
        return View(scores=batch.stored[self.file][batch.rows] * self.scale)

    def project(self, encoded: object, kind: Kind, wants: frozenset[Want]) -> Tensors:
        raise ValueError("stored scores read no text")
