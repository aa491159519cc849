"""A corpus from a path alone: what lies there is recognised."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from retrieval_kd.errors import UserError
from retrieval_kd.text.auto.documents import passages_of
from retrieval_kd.text.auto.examples import DistinctIds, Example, examples_of
from retrieval_kd.text.auto.pseudo import MIXED, check_ways, pseudo_queries
from retrieval_kd.text.auto.recognise import Recognised, msmarco_files, recognised, unread_options
from retrieval_kd.text.auto.splits import checked_fractions, splits_of
from retrieval_kd.text.auto.tables import Layout
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.corpus import Parsed, Questions, Source
from retrieval_kd.text.held_out import check_held_out, part_unjudged
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.leakage import drop_known, held_out_words
from retrieval_kd.text.lines import at_home
from retrieval_kd.text.msmarco import MsMarco
from retrieval_kd.text.records import Judgment, Passage
from retrieval_kd.text.split import words

_log = logging.getLogger(__name__)


class Auto(Source):
    """Whatever lies at a path: a table (CSV, TSV, JSON lines, JSON, parquet, Arrow, packed or not) of queries and
    passages or of texts alone, one for each split in a folder, a folder of text, Markdown or HTML files, BEIR's or MS
    MARCO's files.

    `columns` says what columns hold where their names do not tell ({query: …, positive: …}); `header` names those of
    a CSV or TSV whose first line does not. `encoding` is that of CSV, TSV and documents (null: by the byte order mark,
    else UTF-8). Where the path tells of no splits, `test_fraction` and `dev_fraction` of the judged queries, in whole
    groups that share words or a relevant passage, become test and dev. `passage_words` is the most that a passage cut
    from a document has. `pseudo` makes queries of passages, way → share (null: of every kind where the path brings no
    query; {}: none), at most `pseudo_most`. Where nobody judged, `held_out` of the queries (500 at most) are kept from
    training, to measure agreement by.

    Raises UserError for fractions that leave nothing, and a way of making queries that there is none of.
    """

    REVISION: ClassVar[int] = 1

    def __init__(
        self,
        *,
        path: str | Path,
        columns: Mapping[str, str | Sequence[str]] | None = None,
        header: Sequence[str] = (),
        encoding: str | None = None,
        test_fraction: float = 0.2,
        dev_fraction: float = 0.1,
        seed: int = 0,
        passage_words: int = 180,
        pseudo: Mapping[str, float] | None = None,
        pseudo_most: int = 20_000,
        held_out: float = 0.1,
        drop_same_id: bool = False,
    ) -> None:
        if seed < 0:
            raise UserError(f"corpus.seed={seed}: give a number from 0 on")
        if passage_words < 1 or pseudo_most < 1:
            raise UserError(
                f"corpus.passage_words={passage_words}, corpus.pseudo_most={pseudo_most}: give positive numbers"
            )
        check_ways(pseudo or {})
        check_held_out(held_out)
        self.path, self.drop_same_id = at_home(path), drop_same_id
        self.name = self.path.resolve().name
        self.columns, self.layout = dict(columns or {}), Layout(encoding, tuple(header))
        self.fractions, self.seed = checked_fractions(test_fraction, dev_fraction), seed
        self.passage_words, self.pseudo, self.pseudo_most = passage_words, pseudo, pseudo_most
        self.held_out = held_out

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        try:
            source = Auto(**{key: value for key, value in node.items() if key != "_target_"})
            holds, judged = source.holds, source.has_judgments()
        except UserError:  # told where the corpus is looked at
            return {}
        why = f"{node['path']} is {holds.because}, {'' if judged else 'which nobody judged, '}and has no use for it"
        return dict.fromkeys(unread_options(holds, judged=judged), f"{why}; leave it out")

    @cached_property
    def holds(self) -> Recognised:
        """What lies there. Raises UserError where nothing that is read does."""
        return recognised(self.path, self.layout, self.columns)

    def files(self) -> Iterable[Path]:
        if self._inner is not None:
            return self._inner.files()
        return [*(file for table in self.holds.tables.values() for file in table.files), *self.holds.files]

    def options(self) -> Mapping[str, Any]:
        options = {
            "kind": self.holds.kind,
            "tables": {split: [table.columns, len(table.files)] for split, table in self.holds.tables.items()},
            "layout": self.layout,
            "fractions": [*self.fractions, self.seed],
            "passage_words": self.passage_words if self.holds.kind == "documents" else None,
            "pseudo": [self.pseudo, self.pseudo_most],
            **({} if self.has_judgments() else {"held_out": self.held_out}),
        }
        if self._inner is None:
            return options
        return {**options, "inner": dict(self._inner.options()), "of": self._inner.REVISION}

    def has_judgments(self) -> bool:
        if self._inner is not None:
            return self._inner.has_judgments()
        return any(table.columns.query and table.columns.positive for table in self.holds.tables.values())

    def read(self) -> Parsed:
        _log.info("%s: %s", self.path, self.holds.because)
        if self._inner is not None:
            parsed = self._inner.read()
            return parsed._replace(questions=lambda collection: self._named(parsed.questions(collection)))
        return Parsed(self._passages(), self._questions)

    def _named(self, questions: Questions) -> Questions:
        return questions._replace(about={**questions.about, "recognised": self.holds.because})

    @cached_property
    def _inner(self) -> Source | None:
        """The reader of a layout that has one of its own."""
        if self.holds.kind == "beir":
            return Beir(
                path=self.path,
                drop_same_id=self.drop_same_id,
                dev_fraction=self.fractions.dev,
                seed=self.seed,
                unjudged=True,
                held_out=self.held_out,
            )
        if self.holds.kind == "msmarco":
            queries, qrels = msmarco_files(self.path)
            return MsMarco(path=self.path, queries=queries, qrels=qrels)
        return None

    def _passages(self) -> Iterator[Passage]:
        """Each passage once, by its id."""
        seen: set[str] = set()
        empty = 0
        for passage in self._all_passages():
            if passage.id not in seen:
                seen.add(passage.id)
                empty += not passage.text.strip()
                yield passage
        if not seen:
            raise UserError(f"corpus.path={self.path} brings no passage ({self.holds.because}); give one with texts")
        if empty:
            _log.warning("%s: %d passages have a title and no text", self.path, empty)

    def _all_passages(self) -> Iterator[Passage]:
        for file in self.holds.files:
            name = file.name if file == self.path else file.relative_to(self.path).as_posix()
            yield from passages_of(file, name, most_words=self.passage_words, encoding=self.layout.encoding)
        for _, one in self._examples(count=True):
            yield from (passage for passage, _ in one.passages)

    def _examples(self, *, count: bool = False) -> Iterator[tuple[str, Example]]:
        """(split, example) of every row that has a query or a text; `count`: the others are told."""
        ids = DistinctIds()
        for split, table in self.holds.tables.items():
            for one in examples_of(table.files, table.columns, self.layout, count=count):
                yield split, ids.of(one)
        if ids.renamed and count:
            _log.warning("%s: %d passages have the id of another text: named <id>#…", self.path, ids.renamed)

    def _questions(self, collection: Collection) -> Questions:
        """Queries, judgments and splits; queries without judgments are to be distilled from."""
        queries, judged, skipped = self._read_queries()
        pseudo = MIXED if self.pseudo is None and not queries else self.pseudo or {}
        pseudo_texts = dict(pseudo_queries(collection, pseudo, most=self.pseudo_most, seed=self.seed)) if pseudo else {}
        if not queries and not pseudo_texts:
            raise UserError(f"corpus.path={self.path} brings no query, and corpus.pseudo makes none of its passages")
        if not judged:
            return self._unjudged({**queries, **pseudo_texts}, made=len(pseudo_texts))
        splits, dropped = drop_known(splits_of(judged, queries, collection, self.fractions, seed=self.seed), queries)
        held_out = held_out_words(splits, queries)
        judged_ids = {query_id for judgments in judged.values() for query_id in judgments.queries}
        unjudged = [name for name in queries if name not in judged_ids and words(queries[name]) not in held_out]
        unjudged += [name for name in pseudo_texts if words(pseudo_texts[name]) not in held_out]
        about = {
            "recognised": self.holds.because,
            "queries left out of train": str(dropped),
            "rows with a query and no passage": str(skipped),
            "queries made of passages": str(len(pseudo_texts)),
        }
        return Questions({**queries, **pseudo_texts}, splits, tuple(unjudged), about)

    def _unjudged(self, queries: Mapping[str, str], *, made: int) -> Questions:
        """Where nobody judged: queries to distil from, and those held out."""
        trained_on, kept_out = part_unjudged(queries, fraction=self.held_out, seed=self.seed)
        about = {
            "recognised": self.holds.because,
            "judgments": "none",
            "queries made of passages": str(made),
            "queries held out": f"{len(kept_out)}, by seed {self.seed}",
        }
        return Questions(queries, {}, trained_on, about, held_out=kept_out)

    def _read_queries(self) -> tuple[dict[str, str], dict[str, Judgments], int]:
        """id → text, split → judgments, and how many rows have a query and no passage."""
        queries: dict[str, str] = {}
        grades: dict[str, dict[tuple[str, str], int]] = {}
        empty = 0
        for split, one in self._examples():
            if not one.query:
                continue
            if queries.setdefault(one.query_id, one.query) != one.query:
                raise UserError(
                    f"corpus.path={self.path}: the query id {one.query_id!r} has two texts, {queries[one.query_id]!r} "
                    f"and {one.query!r}; give one"
                )
            empty += not one.passages
            pairs = grades.setdefault(split, {})
            for passage, grade in one.passages:
                pair = (one.query_id, passage.id)
                pairs[pair] = max(grade, pairs.get(pair, 0))
        judged = {
            split: Judgments.of(Judgment(query, passage, grade) for (query, passage), grade in pairs.items())
            for split, pairs in grades.items()
            if any(grade > 0 for grade in pairs.values())
        }
        return queries, judged, empty
