"""From a step's number to its batch: draw the lists, look up what is known of them, write this rank's texts."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from retrieval_kd.batch.candidates import Candidates, Texts
from retrieval_kd.batch.dark import Edits, Words, written
from retrieval_kd.batch.ragged import Ragged, places
from retrieval_kd.batch.sampling import Drawn, Lists, Sampling, draw
from retrieval_kd.batch.tokens import Join, Tokenisation, apart, joined
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.errors import UserError


class Source(NamedTuple):
    """Word pieces of one tokenizer: of the queries by number, of the collection by position, each title and text joined
    as a tokenisation says.
    """

    queries: Ragged
    passages: Ragged


class Pairs(NamedTuple):
    """A value for some (query, passage) pairs: sorted keys query · passages + passage, and their values."""

    keys: np.ndarray
    values: np.ndarray

    def look_up(self, keys: np.ndarray, absent: int | float) -> np.ndarray:
        """The values of keys of any shape, `absent` where there is none."""
        if not len(self.keys):
            return np.full(keys.shape, absent)
        place = np.minimum(self.keys.searchsorted(keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.values[place], absent)


class Collate:
    """Makes the batch of a step for one rank; the same small fields on every rank, this rank's texts alone. With
    `edits` every list ends with its dark examples. `known` are each query's positives and what is as good as they
    are, which no pool has as a negative (null: the positives alone).

    Raises UserError where queries_per_step is not a multiple of queries_per_pool or of the number of ranks, or a pool
    and a rank's share do not fit into each other.
    """

    def __init__(
        self,
        sampling: Sampling,
        *,
        lists: Lists,
        positives: Lists,
        known: Lists | None = None,
        grades: Pairs,
        stored: Mapping[str, Pairs],
        sources: Mapping[Tokenisation, Source],
        passages: int,
        queries_per_pool: int,
        edits: Edits | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        local, remainder = divmod(sampling.queries_per_step, ranks)
        if (
            remainder
            or queries_per_pool < 1
            or sampling.queries_per_step % queries_per_pool
            or max(local, queries_per_pool) % min(local, queries_per_pool)
        ):
            raise UserError(
                f"queries_per_step={sampling.queries_per_step} on {ranks} device(s) with "
                f"queries_per_pool={queries_per_pool} does not divide: "
                "give multiples, so that each device has whole pools or each pool has whole devices"
            )
        self.sampling, self.lists, self.positives, self.grades, self.stored = sampling, lists, positives, grades, stored
        self.known = positives if known is None else known
        self.sources, self.passages, self.queries_per_pool = sources, passages, queries_per_pool
        self.edits, self.first, self.local = edits, rank * local, local
        self._frames = {form: form.frames() for form in sources}

    def __call__(self, step: int) -> Candidates:
        drawn = draw(self.sampling, step, self.lists, self.positives)
        examples = self._dark_examples(drawn, step)
        copies = len(examples[0])
        drawn = drawn.widened(copies)
        present, dark = drawn.passages >= 0, np.zeros(drawn.passages.shape, dtype=bool)
        if copies:
            present[:, -copies:] = [[words is not None for words in row] for row in examples]
            dark[:, -copies:] = True
        keys = np.where(drawn.passages < 0, -1, drawn.queries[:, None] * self.passages + drawn.passages)
        relevance = self.grades.look_up(keys, -1).astype(np.int64, copy=False)
        place = np.arange(len(drawn.queries)) % self.queries_per_pool
        stored = {file: pairs.look_up(keys, np.nan).astype(np.float32) for file, pairs in self.stored.items()}
        return Candidates(
            step=step,
            query_id=torch.from_numpy(drawn.queries),
            passage_id=torch.from_numpy(drawn.passages),
            present=torch.from_numpy(present),
            relevance=torch.from_numpy(relevance),
            dark=torch.from_numpy(dark),
            rank=torch.from_numpy(drawn.ranks),
            positive=torch.from_numpy(np.where(drawn.judged, place * present.shape[1], -1)),
            known_positives=torch.from_numpy(self._known_positives(drawn)),
            texts=self._texts(drawn, examples),
            stored={file: torch.from_numpy(scores) for file, scores in stored.items()},
            first=self.first,
            local=self.local,
        )

    def _known_positives(self, drawn: Drawn) -> np.ndarray:
        """[query pool]: the column holds a passage judged relevant to the query, or its exact copy, whoever listed it.

        Each relevant passage of the step is looked for among the step's candidates, and not each candidate of a pool
        among what is judged: of the former there are a few, of the latter queries · candidates².
        """
        (queries, columns), pools = drawn.passages.shape, self.queries_per_pool
        starts = self.known.offsets[drawn.queries]
        sizes = self.known.offsets[drawn.queries + 1] - starts
        relevant = self.known.passages[places(starts, sizes)]
        listed = drawn.passages.reshape(-1)
        rising = listed.argsort(kind="stable")
        first = listed[rising].searchsorted(relevant)
        times = listed[rising].searchsorted(relevant, "right") - first
        query, column = np.repeat(np.repeat(np.arange(queries), sizes), times), rising[places(first, times)]
        in_pool = column // (columns * pools) == query // pools
        known_positives = np.zeros((queries, columns * pools), dtype=bool)
        known_positives[query[in_pool], column[in_pool] % (columns * pools)] = True
        return known_positives

    def _dark_examples(self, drawn: Drawn, step: int) -> list[list[Words | None]]:
        """The dark examples of every query of the step: [query][copy], words or None."""
        if self.edits is None:
            return [[]] * len(drawn.queries)
        return self.edits(drawn, step, longest=max((form.passage_length for form in self.sources), default=0))

    def _texts(self, drawn: Drawn, examples: list[list[Words | None]]) -> dict[Tokenisation, Texts]:
        local_queries = slice(self.first, self.first + self.local)
        queries, numbers = drawn.queries[local_queries], drawn.passages[local_queries]
        new = (
            {}
            if self.edits is None
            else {
                (row + 1) * numbers.shape[1] - len(copies) + copy: words
                for row, copies in enumerate(examples[local_queries])
                for copy, words in enumerate(copies)
                if words is not None
            }
        )
        passages = self._passages(numbers, new)
        present = numbers.reshape(-1) >= 0
        return {
            form: self._write(form, queries, *passages[form.tokenizer, form.join], present) for form in self.sources
        }

    def _passages(
        self, numbers: np.ndarray, new: Mapping[int, Words]
    ) -> dict[tuple[str, Join], tuple[Ragged, np.ndarray]]:
        """This rank's candidates by tokenizer and join: word pieces, and their numbers there; `new` are the made-up
        ones by their place, whose words have title and text joined by a blank.
        """
        candidates: dict[tuple[str, Join], tuple[Ragged, np.ndarray]] = {}
        for form in self.sources:
            key = form.tokenizer, form.join
            if key in candidates:
                continue
            pieces = self.sources[form].passages
            candidates[key] = pieces, numbers
            if new:
                words = vocabulary(form.folder)
                texts = words.ragged([written(example, words.mask_text) for example in new.values()])
                all_pieces = pieces.take(numbers.reshape(-1)).filled(np.array(list(new)), texts)
                candidates[key] = all_pieces, np.arange(len(all_pieces)).reshape(numbers.shape)
        return candidates

    def _write(
        self, form: Tokenisation, queries: np.ndarray, passages: Ragged, numbers: np.ndarray, present: np.ndarray
    ) -> Texts:
        source, frames = self.sources[form], self._frames[form]
        if form.layout == "apart":
            return Texts(apart(source.queries, frames[0], queries), apart(passages, frames[1], numbers))
        repeated_queries = source.queries.take(np.repeat(queries, numbers.shape[1]))
        return Texts(
            None,
            joined(repeated_queries, passages.take(numbers.reshape(-1)), frames, present=present).fold(*numbers.shape),
        )


def pairs(queries: np.ndarray, passages: np.ndarray, values: Sequence[float] | np.ndarray, *, collection: int) -> Pairs:
    """Values of (query number, passage position) pairs, made ready for looking up; `collection` is the number of
    passages.
    """
    keys = queries.astype(np.int64) * collection + passages
    order = np.argsort(keys, kind="stable")
    return Pairs(keys[order], np.asarray(values)[order])
