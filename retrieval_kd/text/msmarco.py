"""MS MARCO's files: passages and queries as two columns, judgments as TREC's four, all parted by tabs."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from retrieval_kd.text.collection import Collection
from retrieval_kd.text.corpus import SPLITS, Parsed, Questions, Source
from retrieval_kd.text.fault import Fault
from retrieval_kd.text.held_out import drop_known, held_words
from retrieval_kd.text.judgments import Judgments, grade_of, graded_once, known_rows
from retrieval_kd.text.lines import at_home, check_file, line_at, numbered
from retrieval_kd.text.records import Judgment, Passage
from retrieval_kd.text.split import words

TEXTS = "an id and a text a line, parted by a tab"
QRELS = "judgments, four columns a line (query, 0, passage, grade)"


class MsMarco(Source):
    """MS MARCO passage ranking (Bajaj et al. 2016), and whatever has its form, TREC's Deep Learning topics included.

    `collection` is a file in the folder `path`; `queries` and `qrels` map train, dev, test to files there (or
    anywhere, by a whole path). A train
    query whose words equal a dev or test query's is left out of train. `unjudged` adds the queries of those files that
    nobody judged (300 thousand in train).

    Raises Fault if a split has queries without qrels, or qrels without queries.
    """

    REVISION: ClassVar[int] = 1

    def __init__(
        self,
        *,
        path: str | Path,
        collection: str = "collection.tsv",
        queries: Mapping[str, str],
        qrels: Mapping[str, str],
        unjudged: bool = False,
    ) -> None:
        if not queries or set(queries) != set(qrels) or set(queries) - set(SPLITS):
            raise Fault(
                f"corpus.queries has {sorted(queries)}, corpus.qrels {sorted(qrels)}; give them the same splits"
            )
        self.path, self.name, self.drop_same_id, self.unjudged = at_home(path), "msmarco", False, unjudged
        self.collection = self.path / at_home(collection)
        self.queries = {split: self.path / at_home(queries[split]) for split in SPLITS if split in queries}
        self.qrels = {split: self.path / at_home(qrels[split]) for split in self.queries}

    def options(self) -> Mapping[str, Any]:
        return {"splits": list(self.queries), "unjudged": self.unjudged}

    def files(self) -> Iterable[Path]:
        texts = [check_file(path, holds=TEXTS) for path in (self.collection, *self.queries.values())]
        return texts + [check_file(path, holds=QRELS) for path in self.qrels.values()]

    def read(self) -> Parsed:
        passages = (Passage(name, "", text) for _, name, text in _rows(self.collection))
        return Parsed(passages, self._questions, partial(line_at, self.collection))

    def _questions(self, collection: Collection) -> Questions:
        """Queries, judgments and splits; of the queries only those that are judged or may be distilled from."""
        texts: dict[str, str] = {}
        splits: dict[str, Judgments] = {}
        for split, path in self.queries.items():
            own = _queries(path)
            other = next((name for name in own if texts.get(name, own[name]) != own[name]), None)
            if other is not None:
                raise Fault(f"{path} gives query {other!r} another text than a file before it; give one text")
            texts |= own
            rows = known_rows(_judgments(self.qrels[split]), self.qrels[split], queries=texts, passages=collection)
            splits[split] = Judgments.of(rows)
        judged = {query_id for judgments in splits.values() for query_id in judgments.queries}
        splits, dropped = drop_known(splits, texts)
        held = held_words(splits, texts) if self.unjudged else frozenset()
        others = (query_id for query_id in texts if query_id not in judged and words(texts[query_id]) not in held)
        unjudged = tuple(others) if self.unjudged else ()
        kept = {query_id: texts[query_id] for of in splits.values() for query_id in of.queries}
        kept |= {query_id: texts[query_id] for query_id in unjudged}
        return Questions(kept, splits, unjudged, {"queries left out of train": str(dropped)})


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line number, id, text). Raises Fault for a line without a tab, and if there is no line."""
    number = 0
    for number, line in numbered(path, holds=TEXTS):
        name, tab, text = line.partition("\t")
        if not tab:
            raise Fault(f"{path}:{number} has no tab; give {TEXTS}")
        yield number, name, text
    if not number:
        raise Fault(f"{path} is empty; give {TEXTS}")


def _queries(path: Path) -> dict[str, str]:
    """id → text. Raises Fault for an id given twice, and a query without text."""
    queries: dict[str, str] = {}
    for number, name, text in _rows(path):
        if name in queries:
            raise Fault(f"{path}:{number} repeats the query id {name!r}; give every id once")
        if not text.strip():
            raise Fault(f"{path}:{number} gives query {name!r} no text; give it one or take it out")
        queries[name] = text
    return queries


def _judgments(path: Path) -> Iterator[tuple[int, Judgment]]:
    """(line number, judgment). Raises Fault for a line that has not four columns, the last a grade, and for a pair
    that is graded again and differently.
    """
    return graded_once(_judgment_lines(path), path)


def _judgment_lines(path: Path) -> Iterator[tuple[int, Judgment]]:
    for number, line in numbered(path, holds=QRELS):
        columns = line.split()
        if len(columns) != 4:
            raise Fault(f"{path}:{number} is no judgment; give {QRELS}")
        yield number, Judgment(columns[0], columns[2], grade_of(columns[3], where=f"{path}:{number}"))
