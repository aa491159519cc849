"""What of a step counts for what."""

from dataclasses import replace

import pytest
import torch

from retrieval_kd.batch.candidates import StepWeights, Texts
from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.tokens import Frame, Tokenisation, apart
from tests.steps import step


def weigh(keep: list[list[int]], labels: list[list[float]] | None = None) -> StepWeights:
    mask = torch.tensor(keep).bool()
    return StepWeights(mask, torch.tensor([1.0, 3.0]), torch.tensor(labels or mask.float().tolist()))


def test_an_absent_candidate_counts_nowhere() -> None:
    batch = step([[1, 1], [1, 0]])
    assert batch.listed.tolist() == [[True, True], [True, False]]
    assert batch.pooled.tolist() == [[True, True, True, False]] * 2
    assert batch.negatives.tolist() == [[False, True, True, False], [True, True, False, False]]


def test_a_dark_candidate_counts_for_guided_terms_on_the_own_list_alone() -> None:
    batch = step([[1, 1], [1, 1]], dark=[[0, 1], [0, 0]])
    assert batch.listed.all()
    assert batch.pooled.tolist() == [[True, False, True, True]] * 2
    assert batch.negatives.tolist() == [[False, False, True, True], [True, False, False, True]]


def test_a_passage_judged_relevant_is_no_rival_but_guided_terms_see_it() -> None:
    batch = step([[1, 1], [1, 1]], known_positives=[[1, 0, 0, 1], [0, 0, 1, 0]])
    assert batch.negatives.tolist() == [[False, True, True, False], [True, True, False, True]]
    assert batch.pooled.all()


def test_what_a_curriculum_drops_is_dropped_from_its_own_query_alone() -> None:
    batch = step([[1, 1], [1, 1]]).weighted(weigh([[1, 0], [1, 1]]))
    assert batch.listed.tolist() == [[True, False], [True, True]]
    assert batch.pooled.tolist() == [[True, False, True, True], [True, True, True, True]]
    assert batch.negatives.tolist() == [[False, False, True, True], [True, True, False, True]]


def test_a_curriculum_drops_in_the_pool_of_its_own_query_where_there_are_several_pools() -> None:
    batch = step([[1, 1], [1, 1]], queries_per_pool=1).weighted(weigh([[1, 0], [0, 1]]))
    assert batch.pooled.tolist() == [[True, False], [False, True]]


def test_a_candidate_without_a_stored_score_is_not_listed_but_stays_in_the_pool() -> None:
    known = torch.tensor([[2.0, torch.nan], [0.0, 1.0]])
    batch = step([[1, 1], [1, 1]], stored={"file": known})
    assert batch.listed.tolist() == [[True, False], [True, True]]
    assert batch.pooled.all()


def test_a_query_reads_its_own_columns_out_of_its_pool() -> None:
    batch = step([[1, 1, 1]] * 4, queries_per_pool=2)
    assert batch.queries_per_pool == 2
    assert batch.own_columns().tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 2], [3, 4, 5]]


def test_a_pool_holds_the_lists_of_its_queries_in_order() -> None:
    batch = step([[1, 1]] * 4, queries_per_pool=2)
    spread = batch.spread(batch.passage_id)
    assert spread.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5, 6, 7]]


def test_the_positives_column_of_the_own_list_is_that_of_the_pool_without_the_lists_before() -> None:
    assert step([[1, 1, 1]] * 3, positive=[1, -1, 8]).own_positive.tolist() == [1, -1, 2]


def test_labels_are_the_grades_until_a_curriculum_gives_others() -> None:
    batch = step([[1, 1], [1, 1]], relevance=[[2, -1], [1, 0]])
    assert batch.labels.tolist() == [[2.0, 0.0], [1.0, 0.0]]
    taught = batch.weighted(weigh([[1, 1], [1, 1]], [[0.5, 0.25], [0.0, 1.0]]))
    assert taught.labels.tolist() == [[0.5, 0.25], [0.0, 1.0]]


def test_there_are_no_query_weights_before_a_curriculum_gave_any() -> None:
    batch = step([[1, 1], [1, 1]])
    assert batch.query_weight is None
    query_weight = batch.weighted(weigh([[1, 1], [1, 1]])).query_weight
    assert query_weight is not None
    assert query_weight.tolist() == [1.0, 3.0]


def test_a_batch_moves_to_a_device_with_all_it_holds() -> None:
    tokens = apart(Ragged.of([[5], [6]]), Frame((2,), (3,), 8))
    batch = step([[1], [1]], stored={"file": torch.zeros(2, 1)}).weighted(weigh([[1], [1]]))
    batch = replace(batch, texts={Tokenisation("t"): Texts(None, tokens)}).to("meta")
    assert batch.step_weights is not None
    texts = batch.texts[Tokenisation("t")]
    parts = [
        batch.present,
        batch.known_positives,
        batch.stored["file"],
        *batch.step_weights,
        texts.passage.ids,
        texts.passage.word,
    ]
    assert {part.device.type for part in parts} == {"meta"}
    assert texts.query is None
    assert batch.step == 0


@pytest.mark.parametrize("first", [0, 2])
def test_the_rows_of_a_rank_are_those_from_its_first(first: int) -> None:
    batch = replace(step([[1]] * 4), first=first, local=2)
    assert torch.arange(4)[batch.rows].tolist() == [first, first + 1]
