"""A corpus (passages, queries, judgments, splits), and how any reader's texts become one on disk."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import atomic_folder
from retrieval_kd.io.digests import file_digest
from retrieval_kd.text.collection import Collection, nth_passage
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.module_source import code_digest, within
from retrieval_kd.text.progress import track
from retrieval_kd.text.records import Passage

SPLITS = ("train", "dev", "test")
REVISION = 1  # of the files that a sealed corpus consists of
_LEFT_OUT = 2  # revision of how lists leave a query's own passage out, where `drop_same_id` asks for it


class Questions(NamedTuple):
    """The queries of a collection: id → text, split → judgments, ids of unjudged queries, and notes (`about`).

    `where(position)` names the place a query came from, for errors; `held_out` are ids of unjudged queries that
    training never sees.
    """

    queries: Mapping[str, str]
    splits: Mapping[str, Judgments]
    unjudged: tuple[str, ...]
    about: Mapping[str, str]
    where: Callable[[int], str] = "query {}".format
    held_out: tuple[str, ...] = ()


class Parsed(NamedTuple):
    """What a reader brings: a stream of passages, and the questions, asked once the passages are a collection.

    `where(position)` names the place a passage came from, for errors.
    """

    passages: Iterable[Passage]
    questions: Callable[[Collection], Questions]
    where: Callable[[int], str] = nth_passage


class Source(ABC):
    """Where a corpus comes from: one format, one reader. REVISION is raised when a reader of this package reads
    otherwise; the code of a reader from another package is part of the fingerprint instead.
    """

    REVISION: ClassVar[int] = 1
    name: str
    drop_same_id: bool

    @abstractmethod
    def files(self) -> Iterable[Path]:
        """Every file that is read. Raises UserError if one that is needed cannot be."""

    @abstractmethod
    def options(self) -> Mapping[str, Any]:
        """Every option that changes what is read, as plain JSON values; paths are none of them."""

    @abstractmethod
    def read(self) -> Parsed:
        """Parse. Raises UserError naming file and line, while passages are streamed too."""

    def has_judgments(self) -> bool:
        """Whether somebody judged, so far as the options and the names of files say; nothing is parsed."""
        return True

    @staticmethod
    def untitled(node: Mapping[str, Any]) -> str | None:
        """Why no passage has a title where an option has these values, and what would give some; None: some may."""
        return None

    def fingerprint(self) -> str:
        """SHA-256 of the files' bytes, the options and the reader's REVISION, and of the code of a plugin's reader;
        nothing is parsed.
        """
        files, digest, module = list(self.files()), hashlib.sha256(), type(self).__module__
        code = [] if within(module, __name__.partition(".")[0]) else [code_digest(module)]
        about = [
            type(self).__name__,
            self.REVISION,
            *code,
            REVISION,
            self.drop_same_id and _LEFT_OUT,
            dict(self.options()),
        ]
        digest.update(json.dumps(about, sort_keys=True).encode())
        for path in files:
            digest.update(bytes.fromhex(file_digest(path)))
        return digest.hexdigest()


@dataclass(frozen=True)
class Corpus:
    """Passages, queries and who is relevant to whom.

    `queries` maps id to text; `splits` maps train, dev, test (those there are) to the ids of queries with a relevant
    passage; `unjudged` are queries without judgments that may be distilled from, `held_out` those that training never
    sees, by which agreement with a teacher is measured; `drop_same_id` asks rankings to leave out the passage whose id
    is the query's; `digest` covers all of it; `about` says where it came from, with counts.
    """

    name: str
    collection: Collection
    queries: Mapping[str, str]
    judgments: Judgments
    splits: Mapping[str, tuple[str, ...]]
    unjudged: tuple[str, ...]
    digest: str
    about: Mapping[str, str]
    drop_same_id: bool
    held_out: tuple[str, ...] = ()

    @property
    def is_judged(self) -> bool:
        """Whether some query has a relevant passage."""
        return any(self.splits.values())


class Queries(Mapping[str, str]):
    """query id → text, over a collection of queries."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    def __getitem__(self, query_id: str) -> str:
        return self.collection[query_id].text

    def __len__(self) -> int:
        return len(self.collection)

    def __iter__(self) -> Iterator[str]:
        return iter(self.collection)


def open_corpus(source: Source, artifacts: Path | str) -> Corpus:
    """The source's corpus, from artifacts/corpus-<fingerprint>/, which is made aside and renamed if it is not there.

    Raises UserError for whatever the user must mend, before anything is left behind.
    """
    fingerprint = source.fingerprint()
    folder = Path(artifacts) / f"corpus-{fingerprint[:16]}"
    return _reopen(atomic_folder(folder, lambda aside: _seal(source, fingerprint, aside)))


def _seal(source: Source, fingerprint: str, folder: Path) -> None:
    """The files of a corpus: passages/ and queries/ (collections), qrels/<split>.tsv, corpus.json."""
    parsed = source.read()
    stream = track(parsed.passages, total=None, label="passages")
    passages = Collection.write(folder / "passages", stream, where=parsed.where)
    questions = parsed.questions(passages)
    if not questions.queries:
        raise UserError(f"the corpus {source.name} has no query; give at least one")
    _refuse_two_grades(questions.splits)
    texts = (Passage(query_id, "", text) for query_id, text in questions.queries.items())
    queries = Collection.write(folder / "queries", texts, where=questions.where)
    for split, judgments in questions.splits.items():
        judgments.write(folder / "qrels" / f"{split}.tsv")
    splits = {split: [q for q in judged.queries if judged.relevant(q)] for split, judged in questions.splits.items()}
    counts = {"passages": len(passages), "queries": len(queries)} | {
        f"{s} queries": len(judged) for s, judged in splits.items()
    }
    origin = {"reader": type(source).__name__, "source digest": fingerprint}
    record = {
        "name": source.name,
        "drop_same_id": source.drop_same_id,
        "about": origin | {key: str(count) for key, count in counts.items()} | dict(questions.about),
        "splits": splits,
        "unjudged": questions.unjudged,
        **({"held_out": questions.held_out} if questions.held_out else {}),
    }
    written = json.dumps(record | {"digest": _digest(passages, queries, folder, record)}, ensure_ascii=False)
    (folder / "corpus.json").write_text(f"{written}\n", encoding="utf-8")


def _refuse_two_grades(splits: Mapping[str, Judgments]) -> None:
    """Raise UserError for a pair that two splits grade differently: a corpus knows one grade of a pair."""
    for (name, judgments), (other_name, other_judgments) in combinations(splits.items(), 2):
        for query_id, passage_id, grade in judgments.only(other_judgments.queries):
            if other_judgments.grade(query_id, passage_id) not in (None, grade):
                raise UserError(
                    f"{name} grades passage {passage_id!r} for query {query_id!r} with {grade} and {other_name} with "
                    f"{other_judgments.grade(query_id, passage_id)}; give one grade"
                )


def _digest(passages: Collection, queries: Collection, folder: Path, record: Mapping[str, Any]) -> str:
    """SHA-256 of all that was read; `name` and `about` do not count."""
    parts = [passages.digest, queries.digest, record["drop_same_id"], record["unjudged"], list(record["splits"])]
    parts += [record["held_out"]] if "held_out" in record else []
    digest = hashlib.sha256(json.dumps(parts).encode())
    for split in record["splits"]:
        digest.update((folder / "qrels" / f"{split}.tsv").read_bytes())
    return digest.hexdigest()


def _reopen(folder: Path) -> Corpus:
    """A corpus from its files."""
    record = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
    rows = (row for split in record["splits"] for row in Judgments.read(folder / "qrels" / f"{split}.tsv"))
    return Corpus(
        name=record["name"],
        collection=Collection(folder / "passages"),
        queries=Queries(Collection(folder / "queries")),
        judgments=Judgments.of(rows),
        splits={split: tuple(query_ids) for split, query_ids in record["splits"].items()},
        unjudged=tuple(record["unjudged"]),
        digest=record["digest"],
        about=record["about"],
        drop_same_id=record["drop_same_id"],
        held_out=tuple(record.get("held_out", ())),  # only a corpus that holds some out says so
    )
