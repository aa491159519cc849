"""From a step's number to its batch: draw the lists, look up what is known of them, write this rank's texts."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from retrieval_kd.batch.candidates import Candidates, Texts
from retrieval_kd.batch.dark import Edits, Words, written
from retrieval_kd.batch.sampling import Drawn, Lists, Sampling, draw
from retrieval_kd.batch.tokens import Ragged, Tokenisation, apart, joined, vocabulary
from retrieval_kd.text.fault import Fault


class Source(NamedTuple):
    """Word pieces of one tokenizer: of the queries by number, of the collection by position."""

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
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.values[place], absent)


class Collate:
    """Makes the batch of a step for one rank; the same small fields on every rank, this rank's texts alone. With
    `edits` every list ends with its dark examples.

    Raises Fault where queries_per_step is not a multiple of queries_per_pool or of the number of ranks, or a pool and a
    rank's share do not fit into each other.
    """

    def __init__(
        self,
        sampling: Sampling,
        *,
        lists: Lists,
        positives: Lists,
        grades: Pairs,
        stored: Mapping[str, Pairs],
        sources: Mapping[Tokenisation, Source],
        passages: int,
        queries_per_pool: int,
        edits: Edits | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        local, left = divmod(sampling.queries_per_step, ranks)
        if (
            left
            or queries_per_pool < 1
            or sampling.queries_per_step % queries_per_pool
            or max(local, queries_per_pool) % min(local, queries_per_pool)
        ):
            raise Fault(
                f"queries_per_step={sampling.queries_per_step} on {ranks} device(s) with "
                f"queries_per_pool={queries_per_pool} does not divide: "
                "give multiples, so that each device has whole pools or each pool has whole devices"
            )
        self.sampling, self.lists, self.positives, self.grades, self.stored = sampling, lists, positives, grades, stored
        self.sources, self.passages, self.queries_per_pool = sources, passages, queries_per_pool
        self.edits, self.first, self.local = edits, rank * local, local
        self._frames = {form: form.frames() for form in sources}

    def __call__(self, step: int) -> Candidates:
        drawn = draw(self.sampling, step, self.lists, self.positives)
        made = self._made(drawn, step)
        dark = np.array([[words is not None for words in row] for row in made], dtype=bool)
        present = np.concatenate([drawn.passages >= 0, dark], axis=1)
        drawn = drawn.widened(dark.shape[1])
        keys = np.where(drawn.passages < 0, -1, drawn.queries[:, None] * self.passages + drawn.passages)
        relevance = self.grades.look_up(keys, -1.0).astype(np.int64)
        place = np.arange(len(drawn.queries)) % self.queries_per_pool
        return Candidates(
            step=step,
            query_id=torch.from_numpy(drawn.queries),
            passage_id=torch.from_numpy(drawn.passages.astype(np.int64)),
            present=torch.from_numpy(present),
            relevance=torch.from_numpy(relevance),
            dark=torch.arange(present.shape[1]).expand(present.shape) >= present.shape[1] - dark.shape[1],
            rank=torch.from_numpy(drawn.ranks.astype(np.int64)),
            positive=torch.from_numpy(np.where(drawn.judged, place * present.shape[1], -1)),
            clash=torch.from_numpy(self._clash(drawn)),
            texts=self._texts(drawn, made),
            stored={role: torch.from_numpy(pairs.look_up(keys, np.nan)).float() for role, pairs in self.stored.items()},
            first=self.first,
            local=self.local,
        )

    def _clash(self, drawn: Drawn) -> np.ndarray:
        """[query pool]: the column holds a passage judged relevant to the query, whoever listed it."""
        pools = drawn.passages.reshape(-1, self.queries_per_pool * drawn.passages.shape[1])
        seen = np.repeat(pools, self.queries_per_pool, axis=0)
        keys = np.where(seen < 0, -1, drawn.queries[:, None] * self.passages + seen)
        return np.asarray(self.grades.look_up(keys, 0.0) > 0)

    def _made(self, drawn: Drawn, step: int) -> list[list[Words | None]]:
        """The dark examples of every query of the step: [query][copy], words or None."""
        if self.edits is None:
            return [[] for _ in drawn.queries]
        return self.edits(drawn, step, longest=max((form.passage_length for form in self.sources), default=0))

    def _texts(self, drawn: Drawn, made: list[list[Words | None]]) -> dict[Tokenisation, Texts]:
        mine = slice(self.first, self.first + self.local)
        queries, numbers = drawn.queries[mine], drawn.passages[mine]
        new = {
            (row + 1) * numbers.shape[1] - len(copies) + copy: words
            for row, copies in enumerate(made[mine])
            for copy, words in enumerate(copies)
            if words is not None
        }
        passages = self._passages(numbers.reshape(-1), new)
        return {form: self._written(form, queries, passages[form.tokenizer]) for form in self.sources}

    def _passages(self, numbers: np.ndarray, new: Mapping[int, Words]) -> dict[str, Ragged]:
        """The word pieces of this rank's candidates by tokenizer; `new` are the made-up ones by their place."""
        found: dict[str, Ragged] = {}
        for form in self.sources:
            if form.tokenizer in found:
                continue
            found[form.tokenizer] = self.sources[form].passages.take(numbers)
            if new:
                words = vocabulary(form.folder)
                texts = words.ragged([written(some, words.mask_text) for some in new.values()])
                found[form.tokenizer] = found[form.tokenizer].filled(np.array(list(new)), texts)
        return found

    def _written(self, form: Tokenisation, queries: np.ndarray, passages: Ragged) -> Texts:
        source, frames = self.sources[form], self._frames[form]
        shape = (self.local, len(passages) // self.local)
        if form.layout == "apart":
            return Texts(apart(source.queries.take(queries), frames[0]), apart(passages, frames[1]).fold(*shape))
        both = joined(source.queries.take(np.repeat(queries, shape[1])), passages, frames)
        return Texts(None, both.fold(*shape))


def pairs(queries: np.ndarray, passages: np.ndarray, values: Sequence[float] | np.ndarray, *, collection: int) -> Pairs:
    """Values of (query number, passage position) pairs, made ready for looking up; `collection` is the number of
    passages.
    """
    keys = queries.astype(np.int64) * collection + passages
    order = np.argsort(keys, kind="stable")
    return Pairs(keys[order], np.asarray(values)[order])
