"""From a step's number to its batch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.collate import Collate, Pairs, Source, pairs
from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.sampling import Lists, Sampling, Window
from retrieval_kd.batch.tokens import Tokenisation
from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.errors import UserError

PASSAGES = 10  # passage p is p + 1 times the word "w"; query q is "w x w"-like: q + 1 times the word "x"
Make = Callable[..., Collate]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("tiny"), ["w x"]))


@pytest.fixture
def make(folder: str) -> Make:
    """Collates of 4 queries: passage q is relevant to query q (grade q + 1) and passage 0 to query 2 as well; nobody
    looked at query 3. Query q may draw passages 4 to 9 in an order of its own.
    """
    positives = Lists(np.array([0, 1, 2, 4, 4]), np.array([0, 1, 2, 0]), np.ones(4))
    drawn = np.concatenate([4 + (np.arange(6) + q) % 6 for q in range(4)])
    grades = pairs(np.array([0, 1, 2, 2, 1]), np.array([0, 1, 2, 0, 5]), np.array([1, 2, 3, 1, 0]), collection=PASSAGES)
    texts = Source(Ragged.of([[6] * (q + 1) for q in range(4)]), Ragged.of([[7] * (p + 1) for p in range(PASSAGES)]))

    def make(queries_per_step: int = 4, queries_per_pool: int = 4, layout: str = "apart", **options: Any) -> Collate:
        form = Tokenisation("t", layout=layout, folder=folder)
        settings = {"stored": {}, **options}
        order = settings.pop("order", "best")
        return Collate(
            Sampling(0, queries_per_step, (Window(2, 1, 6, order),)),
            lists=Lists(np.array([0, 6, 12, 18, 24]), drawn, np.ones(24)),
            positives=positives,
            grades=grades,
            sources={form: texts},
            passages=PASSAGES,
            queries_per_pool=queries_per_pool,
            **settings,
        )

    return make


def row(batch: Candidates, query: int) -> int:
    return batch.query_id.tolist().index(query)


def small(batch: Candidates) -> list[torch.Tensor]:
    own = (batch.query_id, batch.passage_id, batch.present, batch.relevance, batch.dark, batch.rank)
    return [*own, batch.positive, batch.known_positives, *batch.stored.values()]


def test_a_query_lists_its_positive_and_then_what_was_drawn(make: Make) -> None:
    batch = make()(0)
    assert batch.passage_id[row(batch, 1)].tolist() == [1, 5, 6]
    assert batch.rank[row(batch, 1)].tolist() == [0, 1, 2]
    assert batch.passage_id[row(batch, 3)].tolist() == [7, 8, 9]
    assert batch.rank[row(batch, 3)].tolist() == [1, 2, 3]
    assert batch.present.all()
    assert not batch.dark.any()


def test_relevance_is_the_grade_and_minus_one_where_nobody_looked(make: Make) -> None:
    batch = make()(0)
    assert batch.relevance[row(batch, 1)].tolist() == [2, 0, -1]
    assert batch.relevance[row(batch, 3)].tolist() == [-1, -1, -1]


def test_the_positive_is_the_first_column_of_the_own_list_in_its_pool(make: Make) -> None:
    batch = make()(0)
    expected = [3 * place if query != 3 else -1 for place, query in enumerate(batch.query_id.tolist())]
    assert batch.positive.tolist() == expected


def test_every_pool_counts_its_columns_from_zero(make: Make) -> None:
    batch = make(queries_per_pool=2)(0)
    assert batch.known_positives.shape == (4, 6)
    expected = [3 * (place % 2) if query != 3 else -1 for place, query in enumerate(batch.query_id.tolist())]
    assert batch.positive.tolist() == expected
    seen = batch.spread(batch.passage_id).gather(1, batch.positive.clamp(min=0)[:, None])[:, 0]
    judged = batch.positive >= 0
    assert torch.equal(seen[judged], batch.passage_id[judged, 0])


def test_a_passage_judged_relevant_clashes_whoever_lists_it(make: Make) -> None:
    for step in range(8):  # query 2 draws either of its two positives
        batch = make()(step)
        for query, relevant in ((0, {0}), (1, {1}), (2, {0, 2}), (3, set())):
            columns = batch.spread(batch.passage_id)[row(batch, query)].tolist()
            assert batch.known_positives[row(batch, query)].tolist() == [passage in relevant for passage in columns]
            assert not (batch.negatives & batch.known_positives).any()


def test_a_copy_of_a_relevant_passage_is_no_rival_of_its_query_whoever_lists_it(make: Make) -> None:
    known = Lists(np.array([0, 1, 3, 5, 5]), np.array([0, 1, 8, 0, 2]), np.ones(5))  # 8, listed by query 3, copies 1
    batch = make(known=known)(0)
    columns = batch.spread(batch.passage_id)[row(batch, 1)]
    assert 8 in columns.tolist()
    assert not batch.negatives[row(batch, 1)][columns == 8].any()
    assert batch.negatives[row(batch, 0)][batch.spread(batch.passage_id)[row(batch, 0)] == 8].all()


def test_a_passage_of_grade_zero_is_a_rival(make: Make) -> None:
    batch = make()(0)
    place = row(batch, 1)
    assert batch.relevance[place, 1] == 0
    assert batch.negatives[place, 3 * place + 1]


def test_clashes_do_not_reach_into_other_pools(make: Make) -> None:
    batch = make(queries_per_pool=1)(0)
    assert batch.known_positives.tolist() == [[query != 3, False, False] for query in batch.query_id.tolist()]


def test_stored_scores_are_nan_where_the_file_has_none(make: Make) -> None:
    scores = pairs(np.array([1, 1]), np.array([6, 1]), [0.25, 4.0], collection=PASSAGES)
    batch = make(stored={"file": scores})(0)
    values = batch.stored["file"]
    assert values.dtype == torch.float32
    assert values[row(batch, 1)].nan_to_num(-9).tolist() == [4.0, -9.0, 0.25]
    assert values[row(batch, 0)].isnan().all()
    assert batch.listed[row(batch, 1)].tolist() == [True, False, True]


def test_what_is_absent_is_absent_in_every_field(make: Make) -> None:
    collate = make(stored={"file": Pairs(np.array([-1, 0]), np.array([7.0, 8.0]))})
    empty = np.zeros(5, dtype=np.int64)
    collate.lists = Lists(empty, np.array([], dtype=np.int64), np.array([]))
    batch = collate(0)
    place = row(batch, 1)
    assert batch.present[place].tolist() == [True, False, False]
    assert batch.passage_id[place].tolist() == [1, -1, -1]
    assert batch.relevance[place].tolist() == [2, -1, -1]
    assert not batch.known_positives[place, 3 * place + 1 : 3 * place + 3].any()
    (texts,) = batch.texts.values()
    assert texts.passage.mask.any(-1).tolist() == batch.present.tolist()


@pytest.mark.parametrize(("ranks", "queries_per_pool"), [(2, 4), (2, 2), (2, 1), (4, 4), (4, 2), (1, 2)])
def test_small_fields_are_equal_on_every_rank_while_texts_are_its_own(
    make: Make, ranks: int, queries_per_pool: int
) -> None:
    whole = make(queries_per_pool=queries_per_pool, order="drawn")(3)
    (texts,) = whole.texts.values()
    seen = []
    for rank in range(ranks):
        part = make(queries_per_pool=queries_per_pool, order="drawn", rank=rank, ranks=ranks)(3)
        assert all(torch.equal(one, other) for one, other in zip(small(part), small(whole), strict=True))
        (mine,) = part.texts.values()
        assert len(mine.query.ids) == len(mine.passage.ids) == part.local == 4 // ranks
        width = mine.passage.ids.shape[-1]
        assert torch.equal(mine.passage.ids, texts.passage.ids[part.rows][..., :width])
        assert not texts.passage.mask[part.rows][..., width:].any()
        assert torch.equal(mine.query.mask.sum(-1), texts.query.mask[part.rows].sum(-1))
        seen += part.query_id[part.rows].tolist()
    assert seen == whole.query_id.tolist()


def test_texts_are_those_of_the_rows_they_stand_in(make: Make) -> None:
    batch = make()(0)
    (texts,) = batch.texts.values()
    assert texts.query.word.sum(-1).tolist() == (batch.query_id + 1).tolist()
    assert texts.passage.word.sum(-1).tolist() == (batch.passage_id + 1).tolist()


def test_joined_texts_are_pairs_of_the_rows_they_stand_in(make: Make) -> None:
    batch = make(layout="joined")(0)
    (texts,) = batch.texts.values()
    assert texts.query is None
    assert ((texts.passage.ids == 6).sum(-1) == batch.query_id[:, None] + 1).all()
    assert ((texts.passage.ids == 7).sum(-1) == batch.passage_id + 1).all()


@pytest.mark.parametrize(
    ("queries_per_step", "queries_per_pool", "ranks"),
    [(4, 3, 1), (4, 4, 3), (2, 2, 4), (12, 4, 2), (12, 3, 6), (4, 0, 1)],
)
def test_a_step_that_does_not_divide_is_refused(
    make: Make, queries_per_step: int, queries_per_pool: int, ranks: int
) -> None:
    with pytest.raises(UserError, match=f"queries_per_step={queries_per_step} on {ranks} device"):
        make(queries_per_step, queries_per_pool, ranks=ranks)


@pytest.mark.parametrize(("queries_per_pool", "ranks"), [(12, 4), (3, 4), (6, 4), (1, 12), (2, 3), (4, 3)])
def test_a_step_of_whole_pools_or_whole_devices_is_taken(make: Make, queries_per_pool: int, ranks: int) -> None:
    assert make(12, queries_per_pool, ranks=ranks, rank=ranks - 1)(0).local == 12 // ranks


def test_pairs_are_looked_up_in_any_shape_and_order() -> None:
    values = pairs(np.array([2, 0, 1]), np.array([3, 9, 0]), [5.0, 6.0, 7.0], collection=10)
    assert values.look_up(np.array([[10, 9], [23, 24]]), -1).tolist() == [[7, 6], [5, -1]]
    assert Pairs(np.array([]), np.array([])).look_up(np.array([3, 4]), -1).tolist() == [-1, -1]


def test_resuming_at_a_step_makes_what_would_have_been_made(make: Make) -> None:
    running, resumed = make(order="drawn"), make(order="drawn")
    steps = [running(step) for step in range(6)]
    assert all(torch.equal(one, other) for one, other in zip(small(steps[5]), small(resumed(5)), strict=True))
    assert not all(torch.equal(one, other) for one, other in zip(small(steps[4]), small(steps[5]), strict=True))
