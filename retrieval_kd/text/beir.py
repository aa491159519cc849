"""A folder in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/train.tsv, qrels/dev.tsv, qrels/test.tsv (or none)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.corpus import SPLITS, Parsed, Questions, Source
from retrieval_kd.text.held_out import check_held_out, part_unjudged
from retrieval_kd.text.judgments import HOLDS, judgment_rows, known_rows, some_relevant
from retrieval_kd.text.leakage import carve_dev, drop_known, held_out_words
from retrieval_kd.text.lines import at_home, check_file, line_at, objects
from retrieval_kd.text.records import Passage
from retrieval_kd.text.split import words

CORPUS = 'passages, one JSON object a line: {"_id": "7", "title": "", "text": "…"}'
QUERIES = 'queries, one JSON object a line: {"_id": "q7", "text": "…"}'


class Beir(Source):
    """A collection that somebody prepared (Thakur et al. 2021, BEIR, NeurIPS Datasets and Benchmarks).

    Published splits stay as they are, but a train query whose words equal a dev or test query's is left out of train.
    Where there is no dev.tsv, a dev split is carved from train: `dev_fraction` of its queries, in whole groups
    connected by equal words or by relevant passages with equal words, drawn by `seed`. `unjudged` adds the queries
    that no qrels file names. `drop_same_id` asks rankings to leave out the passage whose id is the query's.

    Where there is no folder qrels, nobody judged: all queries may be distilled from, but for `held_out` of them (a
    share, drawn by `seed`), by which agreement with a teacher is measured.

    Raises UserError if `dev_fraction` is not in [0, 1), `held_out` not in (0, 1), or `seed` below 0.
    """

    REVISION: ClassVar[int] = 1

    def __init__(
        self,
        *,
        path: str | Path,
        drop_same_id: bool,
        dev_fraction: float = 0.1,
        seed: int = 0,
        unjudged: bool = False,
        held_out: float = 0.1,
    ) -> None:
        check_held_out(held_out)
        if not 0 <= dev_fraction < 1:
            raise UserError(f"corpus.dev_fraction is {dev_fraction}; give a fraction from 0 (no dev split) to below 1")
        if seed < 0:
            raise UserError(f"corpus.seed is {seed}; give a number from 0 on")
        self.path, self.drop_same_id = at_home(path), drop_same_id
        self.name = self.path.resolve().name
        self.dev_fraction, self.seed, self.unjudged, self.held_out = dev_fraction, seed, unjudged, held_out

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        qrels = at_home(str(node["path"])) / "qrels"
        if not _is_filled(qrels):
            return {"dev_fraction": f"there is no {qrels}, and so no dev split; give {at}.held_out"}
        judged = {"held_out": f"{qrels} judges, and what is judged measures; take it away to do without"}
        published = qrels / "dev.tsv"
        if published.exists():
            why = f"{published} is the dev split; take it away to carve one"
            return judged | dict.fromkeys(("dev_fraction", "seed"), why)
        return judged if node["dev_fraction"] else judged | {"seed": f"no dev split is carved; give {at}.dev_fraction"}

    def has_judgments(self) -> bool:
        return _is_filled(self.path / "qrels")

    def options(self) -> Mapping[str, Any]:
        if not self.has_judgments():
            return {"held_out": self.held_out, "seed": self.seed, "splits": []}
        return {
            "dev_fraction": self.dev_fraction,
            "seed": self.seed,
            "unjudged": self.unjudged,
            "splits": list(self._qrels()),
        }

    def files(self) -> Iterable[Path]:
        if not self.path.is_dir():
            raise UserError(f"{self.path} is no folder; give one that holds corpus.jsonl and queries.jsonl")
        texts = [
            check_file(self.path / "corpus.jsonl", holds=CORPUS),
            check_file(self.path / "queries.jsonl", holds=QUERIES),
        ]
        return [*texts, *(check_file(path, holds=HOLDS) for path in self._qrels().values())]

    def read(self) -> Parsed:
        corpus = self.path / "corpus.jsonl"
        return Parsed(_passages(corpus), self._questions, partial(line_at, corpus))

    def _qrels(self) -> Mapping[str, Path]:
        """split → file, for those that are there; none where nobody judged. Raises UserError if others are there."""
        paths = {split: path for split in SPLITS if (path := self.path / "qrels" / f"{split}.tsv").exists()}
        if not paths and self.has_judgments():
            raise UserError(
                f"{self.path / 'qrels'} holds none of train.tsv, dev.tsv, test.tsv; give at least one, with {HOLDS}, "
                "or take the folder away to do without judgments"
            )
        return paths

    def _questions(self, collection: Collection) -> Questions:
        """Queries, judgments and splits."""
        queries = _queries(self.path / "queries.jsonl")
        where = partial(line_at, self.path / "queries.jsonl")
        if not self.has_judgments():
            trained_on, kept_out = part_unjudged(queries, fraction=self.held_out, seed=self.seed)
            origin = {"judgments": "none", "queries held out": f"{len(kept_out)}, by seed {self.seed}"}
            return Questions(queries, {}, trained_on, origin, where, kept_out)
        splits = {
            split: some_relevant(known_rows(judgment_rows(path), path, queries=queries, passages=collection), path)
            for split, path in self._qrels().items()
        }
        judged = {query_id for judgments in splits.values() for query_id in judgments.queries}
        splits, dropped = drop_known(splits, queries)
        about = {"queries left out of train": str(dropped), "dev": "published" if "dev" in splits else "none"}
        if "dev" not in splits and "train" in splits and self.dev_fraction:
            splits = carve_dev(splits, queries, collection, fraction=self.dev_fraction, seed=self.seed)
            about["dev"] = (
                f"carved from train by seed {self.seed}" if "dev" in splits else "none: no group fits dev_fraction"
            )
        held_out = held_out_words(splits, queries)
        unjudged = (
            query_id for query_id in queries if query_id not in judged and words(queries[query_id]) not in held_out
        )
        return Questions(queries, splits, tuple(unjudged) if self.unjudged else (), about, where)


def _is_filled(folder: Path) -> bool:
    """Whether there is a folder with something in it."""
    return folder.is_dir() and any(folder.iterdir())


def _passages(path: Path) -> Iterator[Passage]:
    """The passages of corpus.jsonl. Raises UserError if there is none."""
    number = 0
    for number, record in objects(path, holds=CORPUS):
        where = f"{path}:{number}"
        yield Passage(
            _field(record, "_id", where), _field(record, "title", where, default=""), _field(record, "text", where)
        )
    if not number:
        raise UserError(f"{path} is empty; give {CORPUS}")


def _queries(path: Path) -> dict[str, str]:
    """id → text of queries.jsonl."""
    queries: dict[str, str] = {}
    for number, record in objects(path, holds=QUERIES):
        name, text = _field(record, "_id", f"{path}:{number}"), _field(record, "text", f"{path}:{number}")
        if name in queries:
            raise UserError(f"{path}:{number} repeats the query id {name!r}; give every id once")
        if not text.strip():
            raise UserError(f"{path}:{number} gives query {name!r} no text; give it one or take it out")
        queries[name] = text
    if not queries:
        raise UserError(f"{path} is empty; give {QUERIES}")
    return queries


def _field(record: Mapping[str, Any], key: str, where: str, *, default: str | None = None) -> str:
    """A string of an object; `default` stands for one that is missing or null."""
    value = default if record.get(key) is None else record[key]
    if not isinstance(value, str):
        problem = f"is {json.dumps(value, ensure_ascii=False)[:40]}" if key in record else "is missing"
        raise UserError(f'{where}: "{key}" {problem}; give a string')
    return value
