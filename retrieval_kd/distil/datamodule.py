"""Lists for training: from a run and judgments to a loader of steps, re-mined by the student itself where asked."""

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.collate import Collate, Pairs, Source
from retrieval_kd.batch.dark import Edits
from retrieval_kd.batch.lists import (
    Data,
    Missing,
    apart,
    drawable,
    has_list,
    judged,
    short,
    stored_scores,
    with_copies,
    within,
)
from retrieval_kd.batch.sampling import Lists, Sampling
from retrieval_kd.batch.store import tokenise, tokenised
from retrieval_kd.batch.tokens import Join, Tokenisation
from retrieval_kd.distil.gather import barrier, rank, ranks
from retrieval_kd.errors import UserError
from retrieval_kd.text.copies import copies_message
from retrieval_kd.text.corpus import Corpus
from retrieval_kd.text.run import Run
from retrieval_kd.text.signals import SIGNALS

_BETWEEN_LOOKS = 0.5  # seconds


class ListsDataModule(pl.LightningDataModule):
    """Batches of candidate lists as functions of the step; the same on any number of workers and ranks.

    `forms` are the tokenisations that the scorers ask for, `scores` the files of stored scorers with what they do about
    a missing one. `start` queries were drawn before step 0. `mine` makes a run with the student as it is (for
    `refresh_every`); its runs are saved in `folder`, so that a resumed training reads what it read before;
    `on_new_run` is called with every new one. Raises UserError if no query has a list.
    """

    def __init__(
        self,
        corpus: Corpus,
        data: Data,
        *,
        forms: list[Tokenisation],
        seed: int,
        steps: int,
        artifacts: Path,
        folder: Path,
        start: int = 0,
        workers: int = 0,
        scores: Mapping[str, tuple[Run, Missing]] | None = None,
        mine: Callable[[], Run] | None = None,
        on_new_run: Callable[[Run], None] | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self.corpus, self.data, self.seed, self.steps, self.workers = corpus, data, seed, steps, workers
        self.forms, self.artifacts, self.folder, self.start = forms, artifacts, folder, start
        self.scores, self.mine, self.on_new_run = dict(scores or {}), mine, on_new_run
        self.tell = tell
        self.run = Run.of({}) if data.candidates is None else Run.read(Path(data.candidates))
        names = (*corpus.splits.get("train", ()), *(corpus.unjudged if data.unjudged else ()))
        self.queries = [name for name in names if has_list(name, corpus, self.run, data.windows)]
        self.skipped = len(names) - len(self.queries)
        drawn_from, lacking = (
            (self.run.lists, "")
            if any(window.negatives for window in data.windows)
            else (self.queries, "a judged passage or ")
        )
        if not any(name in drawn_from for name in self.queries):
            raise UserError(
                f"none of {len(names)} training queries has {lacking}a list in {data.candidates}: "
                "give a run over this collection's train queries"
            )
        self.short = self.copies = 0
        self._sources: dict[tuple[str, Join], Source] = {}

    def train_dataloader(self) -> Iterable[Candidates]:
        """The steps from where training stands to the next re-mining or the end; a loader is there for workers alone,
        since it would take a sixth of the time of making a batch.
        """
        start, every = (self.trainer.global_step if self.trainer is not None else 0), self.data.refresh_every
        if every is not None and start >= every:
            self.run = self._mined_run(start // every * every, is_new=start % every == 0)
        stop = self.steps if every is None else min(self.steps, (start // every + 1) * every)
        steps = _Steps(self.collate(), start, stop)
        if not self.workers:
            return steps
        return DataLoader(steps, batch_size=None, num_workers=self.workers, worker_init_fn=_leave_signals)

    def transfer_batch_to_device(self, batch: Candidates, device: torch.device, dataloader_idx: int) -> Candidates:
        """Small fields go to the device; tokens stay until their group is run."""
        return replace(replace(batch, texts={}).to(device), texts=batch.texts)

    def collate(self) -> Collate:
        """The maker of this rank's batches, with the lists as they are now."""
        data, (grades, positives) = self.data, judged(self.corpus, self.queries)
        listed = drawable(self.run, self.queries, self.corpus, grades)
        copied = with_copies(positives, listed.passages, self.corpus)
        lists, scores_by_file = self._lists_and_scores(listed, copied, grades, positives)
        self._measure(lists)
        return Collate(
            Sampling(self.seed, data.queries_per_step, data.windows, data.positive, self.start),
            lists=lists,
            positives=positives,
            known=copied,
            grades=grades,
            stored=scores_by_file,
            sources={form: self._source(form) for form in self.forms},
            passages=len(self.corpus.collection),
            queries_per_pool=data.queries_per_pool or data.queries_per_step,
            edits=None if data.dark is None else Edits(data.dark, self.seed, self.corpus.collection, self.start),
            rank=rank(),
            ranks=ranks(),
        )

    def _measure(self, lists: Lists) -> None:
        """Counts and reports queries with short lists. Raises UserError where no query has a passage to draw."""
        windows, self.short = self.data.windows, short(lists, self.data.windows)
        if any(window.negatives for window in windows) and not len(within(lists, windows).passages):
            ranks = " and ".join(f"{window.first} to {window.last}" for window in windows if window.negatives)
            longest = int(np.diff(lists.offsets).max(initial=0))
            raise UserError(
                f"no training query has a passage at ranks {ranks} of its list, the longest of which has {longest} "
                "without what is judged relevant: give data.first and data.last within that, or longer lists"
            )
        if self.short:
            negatives = sum(window.negatives for window in windows)
            self.tell(
                f"{self.short} of {len(self.queries)} training queries have fewer negatives than {negatives} to draw"
            )

    def _lists_and_scores(
        self, listed: Lists, copied: Lists, grades: Pairs, positives: Lists
    ) -> tuple[Lists, dict[str, Pairs]]:
        """(what is `listed` without exact copies of positives and what is dropped for want of a score, the scores by
        file of all that can then be drawn).
        """
        lists = apart(listed, copied, self.corpus)
        self.copies = len(listed.passages) - len(lists.passages)
        for sentence in copies_message(self.copies):
            self.tell(sentence)
        scores_by_file: dict[str, Pairs] = {}
        for file, (run, missing) in sorted(self.scores.items(), key=lambda item: item[1][1] != "drop"):
            drawable_lists = within(lists, self.data.windows)
            scores_by_file[file], lacking, total = stored_scores(
                run, missing, self.queries, self.corpus, drawable_lists, positives, file=file
            )
            if lacking:
                outcome = "are left out" if missing == "drop" else "take the lowest of their query"
                self.tell(f"{lacking} of {total} candidates have no score in {file}: they {outcome}")
            if missing == "drop":
                scored = drawable(self.run, self.queries, self.corpus, grades, list(scores_by_file.values()))
                lists = apart(scored, copied, self.corpus)
        return lists, scores_by_file

    def _mined_run(self, step: int, *, is_new: bool) -> Run:
        """The run of the last refresh, from its file where there is one; rank 0 mines, the others wait."""
        assert self.mine is not None, "refresh_every needs a miner"
        path = self.folder / f"mined-{step}.trec"
        if rank() == 0 and not path.exists():
            self.mine().write(path)
        while not path.exists():  # for hours, maybe: a barrier would end at the group's time-out
            time.sleep(_BETWEEN_LOOKS)
        barrier()
        run = Run.read(path)
        if is_new and self.on_new_run is not None:
            self.on_new_run(run)
        return run

    def _source(self, form: Tokenisation) -> Source:
        """Word pieces, once for each tokenizer and for each way in which titles and texts meet."""
        key = form.tokenizer, form.join
        if key not in self._sources:
            texts = [self.corpus.queries[name] for name in self.queries]
            passages = tokenised(self.corpus.collection, form.folder, self.artifacts, join=form.join)
            self._sources[key] = Source(tokenise(texts, form.folder), passages)
        return self._sources[key]


def _leave_signals(_: int) -> None:
    """A worker goes on when its whole process group is asked to stop, since the training ends its step first."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class _Steps(IterableDataset[Candidates]):
    """The batches from one step to another; worker w of n makes every n-th, and a loader hands them out in order."""

    def __init__(self, collate: Collate, start: int, stop: int) -> None:
        self.collate, self.start, self.stop = collate, start, stop

    def __iter__(self) -> Iterator[Candidates]:
        worker = get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        return map(self.collate, range(self.start + first, self.stop, stride))
