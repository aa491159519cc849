"""The loader: every step once and in order, whoever makes it; what it takes from runs and files."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.distil.datamodule import ListsDataModule
from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.run import Run
from tests.contracts.options import option
from tests.distil import training
from tests.distil.training import Ground

STEPS = 7
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")


def lists(ground: Ground, folder: Path, **values: object) -> ListsDataModule:
    """The lists of a dual student, seven steps long."""
    distiller = training.distiller(
        "contrastive", training.scorer_node(ground, "dual"), optim=training.adamw(steps=STEPS)
    )
    return training.lists(ground, distiller, folder, **values)


def drawn(batch: Candidates) -> tuple[int, list[int], list[list[int]]]:
    return batch.step, batch.query_id.tolist(), batch.passage_id.tolist()


def loaded(module: ListsDataModule) -> list[Candidates]:
    return list(module.train_dataloader())


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_a_loader_yields_each_step_once_and_in_order_for_any_number_of_workers(
    ground: Ground, tmp_path: Path, workers: int
) -> None:
    batches = loaded(lists(ground, tmp_path, workers=workers))
    assert [batch.step for batch in batches] == list(range(STEPS))
    alone = lists(ground, tmp_path)
    assert list(map(drawn, batches)) == [drawn(alone.collate()(step)) for step in range(STEPS)]


def test_every_train_query_comes_once_before_any_comes_twice(ground: Ground, tmp_path: Path) -> None:
    module = lists(ground, tmp_path, queries_per_step=10)
    assert len(module.queries) == len(ground.corpus.splits["train"])
    epoch = [query for batch in loaded(module) for query in batch.query_id.tolist()][: len(module.queries)]
    assert Counter(epoch) == Counter(range(len(module.queries)))


def test_a_query_has_its_judged_passage_first_and_never_a_judged_one_as_a_rival(ground: Ground, tmp_path: Path) -> None:
    module = lists(ground, tmp_path, negatives=3, queries_per_step=8)
    corpus = ground.corpus
    for batch in loaded(module):
        for query, listed, negatives in zip(batch.query_id.tolist(), batch.passage_id, batch.negatives, strict=True):
            relevant = corpus.judgments.relevant(module.queries[query])
            assert corpus.collection.id_at(int(listed[0])) in relevant
            pool = batch.passage_id.reshape(-1)[negatives]
            assert not {corpus.collection.id_at(number) for number in pool.tolist()} & set(relevant)


def test_in_batch_negatives_alone_need_no_run(ground: Ground, tmp_path: Path) -> None:
    batch = lists(ground, tmp_path, candidates=None, negatives=0, last=1).collate()(0)
    assert batch.passage_id.shape == (4, 1)
    assert bool(batch.present.all())


def test_negatives_without_a_run_are_refused_with_what_to_give(ground: Ground, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"give data.candidates, or data=in_batch"):
        lists(ground, tmp_path, candidates=None)


def test_a_run_over_other_queries_is_refused(ground: Ground, tmp_path: Path) -> None:
    corpus = ground.corpus
    judged = {name: [(next(iter(corpus.collection)), 1.0)] for name in corpus.splits["test"]}
    Run.of(judged).write(tmp_path / "other.trec")
    with pytest.raises(
        UserError, match=r"none of 61 training queries has a list in .*give a run over this collection's train"
    ):
        lists(ground, tmp_path, candidates=str(tmp_path / "other.trec"))


def test_a_query_that_the_run_lacks_is_skipped_and_counted(ground: Ground, tmp_path: Path) -> None:
    run, names = Run.read(ground.candidates), ground.corpus.splits["train"]
    run.only(names[:30]).write(tmp_path / "half.trec")
    module = lists(ground, tmp_path, candidates=str(tmp_path / "half.trec"), queries_per_step=30)
    batch = module.collate()(0)
    assert {module.queries[number] for number in batch.query_id.tolist()} == set(names[:30])
    assert module.skipped == len(names) - 30
    assert bool(batch.present[:, :2].all())


def test_another_seed_draws_other_lists(ground: Ground, tmp_path: Path) -> None:
    one, two = lists(ground, tmp_path), lists(ground, tmp_path, seed=1)
    assert drawn(one.collate()(0)) != drawn(two.collate()(0))


def stored(ground: Ground, folder: Path, missing: str, rows: dict[str, list[tuple[str, float]]]) -> ListsDataModule:
    """Lists with a stored teacher that knows these scores."""
    Run.of(rows).write(folder / "scores.trec")
    node = training.stored_node(folder / "scores.trec", missing=missing)
    distiller = training.distiller("listwise_kl", training.scorer_node(ground, "dual"), {"stored": node})
    return training.lists(ground, distiller, folder, queries_per_step=8, negatives=2)


def with_scores(ground: Ground) -> dict[str, list[tuple[str, float]]]:
    """Scores for every candidate and every judged passage: ten times the position of the passage."""
    corpus = ground.corpus
    rows_of = {}
    for name, listed in Run.read(ground.candidates).lists.items():
        known = {row.passage_id for row in listed} | set(corpus.judgments.relevant(name))
        rows_of[name] = [(passage, 10.0 * corpus.collection.position(passage)) for passage in known]
    return rows_of


def test_stored_scores_are_those_of_the_file(ground: Ground, tmp_path: Path) -> None:
    batch = stored(ground, tmp_path, "error", with_scores(ground)).collate()(0)
    (scores,) = batch.stored.values()
    assert torch.equal(scores[batch.present], 10.0 * batch.passage_id[batch.present])


@pytest.mark.slow
def test_a_candidate_without_a_stored_score_is_an_error_unless_the_option_says_otherwise(
    ground: Ground, tmp_path: Path
) -> None:
    rows = with_scores(ground)
    rows["q7"] = [row for row in rows["q7"] if row[0] != "p7"]
    with pytest.raises(UserError, match=r"query q7 passage p7: score them, or set missing=drop or missing=minimum"):
        stored(ground, tmp_path, "error", rows).collate()
    batches = [stored(ground, tmp_path, "drop", rows).collate()(step) for step in range(8)]
    seven = stored(ground, tmp_path, "drop", rows).queries.index("q7")
    rows_of_it = [(batch, row) for batch in batches for row in (batch.query_id == seven).nonzero()[:, 0]]
    assert rows_of_it
    assert all(not batch.listed[row, 0] and bool(batch.listed[row, 1:].all()) for batch, row in rows_of_it)


def test_a_missing_score_may_take_its_query_s_minimum(ground: Ground, tmp_path: Path) -> None:
    rows = with_scores(ground)
    rows["q7"] = [row for row in rows["q7"] if row[0] != "p7"]
    module = stored(ground, tmp_path, "minimum", rows)
    seven = module.queries.index("q7")
    batches = [module.collate()(step) for step in range(8)]
    scores = [next(iter(batch.stored.values()))[batch.query_id == seven][:, 0] for batch in batches]
    assert set(torch.cat(scores).tolist()) == {min(score for _, score in rows["q7"])}


FURTHER = [{"negatives": 2, "first": 5, "last": 8, "order": "drawn"}]


def test_further_windows_are_listed_after_the_first(ground: Ground, tmp_path: Path) -> None:
    for batch in loaded(lists(ground, tmp_path, last=4, further=FURTHER)):
        ranks = batch.rank.tolist()
        assert all(first == 0 and 1 <= main <= 4 and 5 <= one < two <= 8 for first, main, one, two in ranks)


def test_only_what_the_windows_reach_needs_a_stored_score(ground: Ground, tmp_path: Path) -> None:
    rows = {}
    for name, listed in Run.read(ground.candidates).lists.items():
        relevant = ground.corpus.judgments.relevant(name)
        others = [row.passage_id for row in listed if row.passage_id not in relevant]
        rows[name] = [(passage, 1.0) for passage in (*relevant, *others[:4], *others[6:8])]
    Run.of(rows).write(tmp_path / "scores.trec")
    node = training.stored_node(tmp_path / "scores.trec", missing="error")
    distiller = training.distiller("listwise_kl", training.scorer_node(ground, "dual"), {"stored": node})
    reached = [{**FURTHER[0], "first": 7}]
    assert bool(training.lists(ground, distiller, tmp_path, last=4, further=reached).collate()(0).listed.all())
    with pytest.raises(UserError, match="candidates have no score in"):
        training.lists(ground, distiller, tmp_path, last=4, further=FURTHER).collate()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_dark_examples_are_the_same_whoever_makes_them(ground: Ground, tmp_path: Path, workers: int) -> None:
    dark = option("data", "dark")["dark"]
    batches = loaded(lists(ground, tmp_path, negatives=2, dark=dark, workers=workers))
    assert all(bool(batch.present[:, batch.dark[0]].any()) for batch in batches)
    alone = lists(ground, tmp_path, negatives=2, dark=dark).collate()
    for batch in batches:
        again = alone(batch.step)
        assert torch.equal(batch.present, again.present)
        assert [texts.passage.ids.tolist() for texts in batch.texts.values()] == [
            texts.passage.ids.tolist() for texts in again.texts.values()
        ]


@pytest.mark.parametrize(("missing", "gone"), [("minimum", 0), ("drop", 2)])
def test_those_below_move_up_only_where_a_candidate_is_dropped(
    ground: Ground, tmp_path: Path, missing: str, gone: int
) -> None:
    rows, (query, *_) = with_scores(ground), ground.corpus.splits["train"]
    relevant = ground.corpus.judgments.relevant(query)
    others = [row.passage_id for row in Run.read(ground.candidates).lists[query] if row.passage_id not in relevant]
    rows[query] = [row for row in rows[query] if row[0] not in others[:2]]
    module = stored(ground, tmp_path, missing, rows)
    lists = module.collate().lists
    mine = lists.passages[slice(*lists.offsets[module.queries.index(query) :][:2])]
    assert [ground.corpus.collection.id_at(passage) for passage in mine.tolist()] == others[gone:]


def test_copies_and_short_lists_are_counted_and_reported_after_a_re_mining_too(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages, run, corpus = list[str](), Run.read(ground.candidates), ground.corpus
    name = (
        corpus.splits["train"][0] if isinstance(corpus.splits["train"], tuple) else next(iter(corpus.splits["train"]))
    )
    good = corpus.judgments.relevant(name)
    listed = next(row.passage_id for row in run.lists[name] if row.passage_id not in good)
    keys = np.arange(len(corpus.collection), dtype=np.uint64)
    keys[corpus.collection.position(listed)] = keys[corpus.collection.position(next(iter(good)))]
    monkeypatch.setattr("retrieval_kd.batch.lists.text_keys", lambda _: keys)
    module = lists(ground, tmp_path, negatives=3, last=3)
    module.tell = messages.append
    module.collate()
    assert (module.copies, module.short) == (1, 0)
    assert messages == ["1 listed passages are no negatives: exact copies of one judged relevant"]
    module.run = run.top(1)
    module.collate()
    assert module.short == len(module.queries)
    assert messages[-1] == f"{module.short} of {module.short} training queries have fewer negatives than 3 to draw"


def test_ranks_that_no_list_has_are_refused(ground: Ground, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="no training query has a passage at ranks 900 to 901 of its list, the longest of"
    ):
        lists(ground, tmp_path, negatives=1, first=900, last=901).collate()


def test_each_scorer_of_a_training_reads_titles_as_its_form_says(ground: Ground, tmp_path: Path) -> None:
    titled = [text._replace(title="a title") for text in ground.corpus.collection.values()]
    corpus = replace(ground.corpus, collection=Collection.write(tmp_path / "titled", titled))
    student = training.scorer_node(ground, "dual", join="separator")
    teachers = {"cross": training.scorer_node(ground, "cross")}
    distiller = training.distiller("listwise_kl", student, teachers, optim=training.adamw(steps=STEPS))
    collate = training.lists(replace(ground, corpus=corpus), distiller, tmp_path).collate()
    (parted,), (blank,) = (distiller.scorer(role).tokenisations() for role in ("student", "cross"))
    words, number = vocabulary(parted.folder), int(collate(0).passage_id[0, 0])
    title, text = (words.ragged([part]).ids.tolist() for part in titled[number][1:])
    assert collate.sources[parted].passages[number].tolist() == [*title, words.sep, *text]
    assert collate.sources[blank].passages[number].tolist() == [*title, *text]
    first = collate(0).texts[parted].passage
    shown = first.ids[0, 0][first.mask[0, 0]].tolist()
    assert shown == [words.cls, *title, words.sep, *text, words.sep][: parted.passage_length]
    assert first.word[0, 0][first.mask[0, 0]].tolist() == [piece not in (words.cls, words.sep) for piece in shown]
