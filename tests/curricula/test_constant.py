"""No curriculum."""

import torch

from retrieval_kd.curricula.constant import Constant
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run
from tests.steps import step


def test_everything_counts_at_pace_one_with_the_grades_as_labels() -> None:
    batch = step([[1, 1], [1, 0]], relevance=[[2, -1], [0, -1]])
    step_weights = Constant().weigh(batch, {}, 0.5)
    assert step_weights.keep.all()
    assert step_weights.query_weight.tolist() == [1, 1]
    assert step_weights.labels.tolist() == [[2, 0], [0, 0]]


def test_a_batch_that_was_taught_nothing_counts_as_before() -> None:
    batch = step([[1, 1], [1, 0]], known_positives=[[1, 0, 0, 1], [0, 0, 1, 0]], dark=[[0, 1], [0, 0]])
    taught = batch.weighted(Constant().weigh(batch, {}, 0.0))
    for name in ("listed", "pooled", "negatives", "labels"):
        assert torch.equal(getattr(taught, name), getattr(batch, name))


def test_it_reads_nobody_holds_nothing_and_takes_a_new_run_calmly() -> None:
    curriculum = Constant()
    assert curriculum.judge is None
    assert curriculum.wants() == {}
    assert list(curriculum.buffers()) == list(curriculum.parameters()) == []
    curriculum.refresh(Run.of({"q": [("p", 1.0)]}), Judgments({}))
    assert curriculum.weigh(step([[1]]), {}, 1.0).keep.tolist() == [[True]]
