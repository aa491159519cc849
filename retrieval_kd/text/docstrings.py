"""The docstrings of the standard library and of installed packages, as a corpus."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from retrieval_kd.errors import UserError
from retrieval_kd.text.corpus import SPLITS, Parsed, Questions, Source
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.progress import track
from retrieval_kd.text.python_source import Docstring, SourceFile, distinct, docstrings_of, source_files, version_of
from retrieval_kd.text.records import Judgment
from retrieval_kd.text.summaries import Lengths, Task, task_of


class Docstrings(Source):
    """Text that every machine has, read from source files without importing them.

    A summary of `query_words` (from, to) words looks for the rest of its docstring, of `passage_words` words or more;
    what counts as a query, a passage and a leak is defined in summaries.task_of. The splits are 70 : 10 : 20 by a hash.
    Passages have no title, since their dotted name would answer many a query; it is their id, and with a question
    mark the query's.

    `packages` are "stdlib" and installed top-level packages. `unjudged` adds queries that nobody judged: other
    summaries and sentences of bodies, of `query_words` words, unless a query has the same words.

    Raises UserError for lengths that leave nothing or no package; when files are looked for, for one that is not
    installed.
    """

    REVISION: ClassVar[int] = 1

    def __init__(
        self,
        *,
        packages: Sequence[str] = ("stdlib",),
        query_words: Sequence[int] = (4, 40),
        passage_words: int = 12,
        unjudged: bool = False,
    ) -> None:
        if isinstance(packages, str) or not packages:
            raise UserError(f"corpus.packages is {packages!r}; give a list such as [stdlib,torch]")
        if len(query_words) != 2 or not 1 <= query_words[0] <= query_words[1]:
            raise UserError(f"corpus.query_words is {list(query_words)}; give the fewest and the most, such as [4,40]")
        if passage_words < 1:
            raise UserError(f"corpus.passage_words is {passage_words}; give 1 or more")
        self.name, self.drop_same_id = "docstrings", False
        self.packages, self.unjudged = tuple(packages), unjudged
        self.lengths = Lengths(query_words[0], query_words[1], passage_words)

    @staticmethod
    def untitled(node: Mapping[str, Any]) -> str | None:
        return "docstrings have no titles; give a corpus that has some"

    def options(self) -> Mapping[str, Any]:
        return {
            "packages": self.packages,
            "lengths": self.lengths,
            "unjudged": self.unjudged,
            "python": sys.version_info[:2],
        }

    def files(self) -> Iterable[Path]:
        return [file.path for file in source_files(self.packages)]

    def read(self) -> Parsed:
        files = source_files(self.packages)
        docstrings, unparsed = _read_docstrings(files)
        task = task_of(docstrings, lengths=self.lengths)
        about = {
            "python": sys.version.split()[0],
            "packages": ", ".join(map(_with_version, self.packages)),
            "files": f"{len(files)}, {unparsed} of them not parsed",
            "docstrings": str(len(docstrings)),
        }
        return Parsed(task.passages, lambda _: self._questions(task, about))

    def _questions(self, task: Task, about: Mapping[str, str]) -> Questions:
        """The task's queries and judgments."""
        splits = {
            split: Judgments.of(
                Judgment(query.id, passage_id, 1)
                for query in task.judged
                if query.split == split
                for passage_id in query.relevant
            )
            for split in SPLITS
        }
        queries = {query.id: query.text for query in task.judged}
        unjudged = task.unjudged if self.unjudged else {}
        return Questions(queries | dict(unjudged), splits, tuple(unjudged), about)


def _read_docstrings(files: Sequence[SourceFile]) -> tuple[list[Docstring], int]:
    """All docstrings, and the number of files that this Python cannot parse."""
    docstrings: list[Docstring] = []
    unparsed = 0
    for file in track(files, total=len(files), label="source files"):
        try:
            docstrings += docstrings_of(file)
        except (SyntaxError, ValueError, RecursionError):
            unparsed += 1
    return distinct(docstrings), unparsed


def _with_version(package: str) -> str:
    """The package and its version."""
    return f"{package} {sys.version.split()[0] if package == 'stdlib' else version_of(package)}"
