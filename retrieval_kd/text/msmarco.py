"""MS MARCO's files: passages and queries as two columns, or three with titles, judgments as TREC's four."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.corpus import SPLITS, Parsed, Questions, Source
from retrieval_kd.text.held_out import check_held_out, part_unjudged
from retrieval_kd.text.judgments import Judgments, grade_of, graded_once, known_rows, some_relevant
from retrieval_kd.text.leakage import drop_known, held_out_words
from retrieval_kd.text.lines import at_home, check_file, line_at, numbered
from retrieval_kd.text.records import Judgment, Passage, is_id
from retrieval_kd.text.split import words
from retrieval_kd.text.titles import TITLES, Titles

Columns = Literal["id text", "id title text", "id text title"]  # of a collection, parted by tabs
TEXTS = "an id and a text a line, parted by a tab"
QRELS = "judgments, four columns a line (query, 0, passage, grade)"


class MsMarco(Source):
    """MS MARCO passage ranking (Bajaj et al. 2016), and whatever has its form, TREC's Deep Learning topics included.

    `collection` is a file in the folder `path`, with these `columns`; `titles` are a file there with an id and a title
    a line, for a collection that has none; a passage that it does not name has no title. `queries` and `qrels` map
    train, dev, test to files there (or anywhere, by a whole path). A train query whose words equal a dev or test
    query's is left out of train. `unjudged` adds the queries of those files that nobody judged (300 thousand in train).

    Where `qrels` is null, nobody judged: all queries may be distilled from, but for `held_out` of them (a share, drawn
    by `seed`), by which agreement with a teacher is measured.

    Raises UserError if a split has queries without qrels, or qrels without queries, or titles are given twice, or
    `held_out` is not in (0, 1).
    """

    REVISION: ClassVar[int] = 1

    def __init__(
        self,
        *,
        path: str | Path,
        collection: str = "collection.tsv",
        columns: Columns = "id text",
        titles: str | None = None,
        queries: Mapping[str, str],
        qrels: Mapping[str, str] | None,
        unjudged: bool = False,
        held_out: float = 0.1,
        seed: int = 0,
    ) -> None:
        check_held_out(held_out)
        if not queries or (qrels and set(queries) != set(qrels)) or set(queries) - set(SPLITS):
            raise UserError(
                f"corpus.queries has {sorted(queries)}, corpus.qrels {sorted(qrels or ())}; give them the same splits"
            )
        if titles is not None and columns != "id text":
            raise UserError(
                f"corpus.titles={titles} and corpus.columns={columns} both give titles; leave corpus.titles null"
            )
        self.path, self.name, self.drop_same_id, self.unjudged = at_home(path), "msmarco", False, unjudged
        self.collection = self.path / at_home(collection)
        self.columns, self.titles = columns, None if titles is None else self.path / at_home(titles)
        self.queries = {split: self.path / at_home(queries[split]) for split in SPLITS if split in queries}
        self.qrels = {split: self.path / at_home(qrels[split]) for split in self.queries} if qrels else {}
        self.held_out, self.seed = held_out, seed

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        if not node["qrels"]:
            return {}
        why = f"{at}.qrels judges, and what is judged measures; set {at}.qrels=null to do without"
        return dict.fromkeys(("held_out", "seed"), why)

    def has_judgments(self) -> bool:
        return bool(self.qrels)

    @staticmethod
    def untitled(node: Mapping[str, Any]) -> str | None:
        bare = node.get("titles") is None and node.get("columns") == "id text"
        return "the collection has no titles; give corpus.titles, or corpus.columns" if bare else None

    def options(self) -> Mapping[str, Any]:
        titled: dict[str, str] = {} if self.columns == "id text" else {"columns": self.columns}
        titled |= {} if self.titles is None else {"titles": "a file"}
        if not self.qrels:
            return {"splits": list(self.queries), "qrels": None, "held_out": self.held_out, "seed": self.seed, **titled}
        return {"splits": list(self.queries), "unjudged": self.unjudged, **titled}

    def files(self) -> Iterable[Path]:
        texts = [check_file(self.collection, holds=_holds(self.columns))]
        texts += [check_file(path, holds=TEXTS) for path in self.queries.values()]
        texts += [] if self.titles is None else [check_file(self.titles, holds=TITLES)]
        return texts + [check_file(path, holds=QRELS) for path in self.qrels.values()]

    def read(self) -> Parsed:
        bare = self.columns == "id text"
        passages = _untitled_passages(self.collection) if bare else _titled_passages(self.collection, self.columns)
        titles = None if self.titles is None and bare else Titles(self.titles)
        stream = passages if titles is None else titles.of(passages)
        return Parsed(stream, partial(self._questions, titles), partial(line_at, self.collection))

    def _questions(self, titles: Titles | None, collection: Collection) -> Questions:
        """Queries, judgments and splits; of the queries only those that are judged or may be distilled from."""
        texts: dict[str, str] = {}
        splits: dict[str, Judgments] = {}
        for split, path in self.queries.items():
            file_queries = _queries(path)
            other = next(
                (name for name in file_queries if texts.get(name, file_queries[name]) != file_queries[name]), None
            )
            if other is not None:
                raise UserError(f"{path} gives query {other!r} another text than a file before it; give one text")
            texts |= file_queries
            if not self.qrels:
                continue
            rows = known_rows(_judgments(self.qrels[split]), self.qrels[split], queries=texts, passages=collection)
            splits[split] = some_relevant(rows, self.qrels[split])
        of_titles = titles.about() if titles else {}
        if not self.qrels:
            trained_on, kept_out = part_unjudged(texts, fraction=self.held_out, seed=self.seed)
            origin = {"judgments": "none", "queries held out": f"{len(kept_out)}, by seed {self.seed}"}
            return Questions(texts, {}, trained_on, {**origin, **of_titles}, held_out=kept_out)
        judged = {query_id for judgments in splits.values() for query_id in judgments.queries}
        splits, dropped = drop_known(splits, texts)
        held_out = held_out_words(splits, texts) if self.unjudged else frozenset()
        unknown = (query_id for query_id in texts if query_id not in judged and words(texts[query_id]) not in held_out)
        unjudged = tuple(unknown) if self.unjudged else ()
        queries = {query_id: texts[query_id] for judgments in splits.values() for query_id in judgments.queries}
        queries |= {query_id: texts[query_id] for query_id in unjudged}
        about = {"queries left out of train": str(dropped), **of_titles}
        return Questions(queries, splits, unjudged, about)


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line number, id, text). Raises UserError for a line without a tab, and if there is no line."""
    number = 0
    for number, line in numbered(path, holds=TEXTS):
        name, tab, text = line.partition("\t")
        if not tab:
            raise UserError(f"{path}:{number} has no tab; give {TEXTS}")
        yield number, name, text
    if not number:
        raise UserError(f"{path} is empty; give {TEXTS}")


def _untitled_passages(path: Path) -> Iterator[Passage]:
    return (Passage(name, "", text) for _, name, text in _rows(path))


def _holds(columns: str) -> str:
    return TEXTS if columns == "id text" else f"{', '.join(columns.split())} a line, parted by tabs"


def _titled_passages(path: Path, columns: str) -> Iterator[Passage]:
    """Passages of a collection with three columns. Raises UserError for a line with more or fewer, and if there is
    none.
    """
    number, names, holds = 0, columns.split(), _holds(columns)
    for number, line in numbered(path, holds=holds):
        values = line.split("\t")
        if len(values) != len(names):
            raise UserError(f"{path}:{number} has {len(values)} columns; give {holds}")
        yield Passage(**dict(zip(names, values, strict=True)))
    if not number:
        raise UserError(f"{path} is empty; give {holds}")


def _queries(path: Path) -> dict[str, str]:
    """id → text. Raises UserError for an id given twice, and a query without text."""
    queries: dict[str, str] = {}
    for number, name, text in _rows(path):
        if name in queries:
            raise UserError(f"{path}:{number} repeats the query id {name!r}; give every id once")
        if not is_id(name):
            raise UserError(
                f"{path}:{number} has the id {name!r}; give an id that is not empty and holds no white space"
            )
        if not text.strip():
            raise UserError(f"{path}:{number} gives query {name!r} no text; give it one or take it out")
        queries[name] = text
    return queries


def _judgments(path: Path) -> Iterator[tuple[int, Judgment]]:
    """(line number, judgment). Raises UserError for a line that has not four columns, the last a grade, and for a pair
    that is graded again and differently.
    """
    return graded_once(_judgment_lines(path), path)


def _judgment_lines(path: Path) -> Iterator[tuple[int, Judgment]]:
    for number, line in numbered(path, holds=QRELS):
        columns = line.split()
        if len(columns) != 4:
            raise UserError(f"{path}:{number} is no judgment; give {QRELS}")
        yield number, Judgment(columns[0], columns[2], grade_of(columns[3], where=f"{path}:{number}"))
