"""A training that was killed ends as if it had not been."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.ranking.dense import Dense
from retrieval_kd.ranking.mining import Hard
from retrieval_kd.ranking.ranker import mine
from retrieval_kd.text.run import Run
from tests.distil import training
from tests.distil.training import Ground

STEPS = 5
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")]


class KilledError(Exception):
    """Nothing went wrong but the power."""


class Mortal(Distiller):
    """Dies before the step `dies_at`; remembers the batches that it saw."""

    dies_at: int | None = None

    def training_step(self, batch: Candidates, _: int = 0) -> Tensor:
        if batch.step == self.dies_at:
            raise KilledError
        seen = self.__dict__.setdefault("seen", [])
        seen.append((batch.step, batch.query_id.tolist(), batch.passage_id.tolist()))
        return super().training_step(batch)


def student(ground: Ground, *, dies_at: int | None = None) -> Mortal:
    """Self on-the-fly distillation with dropout, five steps long."""
    made = training.distiller(
        "self_otf",
        training.scorer_node(ground, "dual", dropout=0.1),
        {"late": training.scorer_node(ground, "late", projection=8)},
        optim=training.adamw(steps=STEPS, lr=1e-3),
        kind=Mortal,
    )
    assert isinstance(made, Mortal)
    made.dies_at = dies_at
    return made


def miner(ground: Ground, made: Distiller, mined: list[Run]) -> Callable[[], Run]:
    """Mines the train queries with the student as it is, and keeps what it found in a list too."""

    def mine_now() -> Run:
        scorer: Any = made.scorer("student")
        ranker = Dense(scorer=scorer, artifacts=ground.artifacts, tokens_per_group=512)
        queries = {name: ground.corpus.queries[name] for name in ground.corpus.splits["train"]}
        select = Hard(first=1, last=5, drop_judged=False)
        mined.append(mine(ranker, queries, ground.corpus.collection, ground.corpus.judgments, select=select))
        return mined[-1]

    return mine_now


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    """Whether all parameters are bit for bit equal."""
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_killed_at_step_3_and_resumed_ends_bit_for_bit_like_an_unbroken_one(
    ground: Ground, tmp_path: Path, workers: int
) -> None:
    unbroken, killed, resumed = student(ground), student(ground, dies_at=3), student(ground)
    training.train(ground, unbroken, tmp_path / "unbroken", save_every=2, workers=workers)
    with pytest.raises(KilledError):
        training.train(ground, killed, tmp_path / "broken", save_every=2, workers=workers)
    assert not same(training.weights(killed), training.weights(unbroken))
    training.train(ground, resumed, tmp_path / "broken", save_every=2, workers=workers)
    assert [step for step, *_ in resumed.seen] == [2, 3, 4]
    assert resumed.seen == unbroken.seen[2:]
    assert same(training.weights(resumed), training.weights(unbroken))


def test_the_number_of_workers_and_of_checkpoints_changes_no_bit(ground: Ground, tmp_path: Path) -> None:
    one, other = student(ground), student(ground)
    training.train(ground, one, tmp_path / "one", save_every=100)
    training.train(ground, other, tmp_path / "other", save_every=1, workers=3)
    assert one.seen == other.seen
    assert same(training.weights(one), training.weights(other))


def test_a_finished_training_leaves_no_half_written_state(ground: Ground, tmp_path: Path) -> None:
    training.train(ground, student(ground), tmp_path, save_every=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.ckpt"]


def refreshed(
    ground: Ground, made: Mortal, folder: Path, *, save_every: int, mined: list[Run], told: list[Run]
) -> None:
    """A training that mines anew every two steps."""
    values = {"refresh_every": 2, "mine": miner(ground, made, mined), "relisted": told.append}
    training.train(ground, made, folder, save_every=save_every, **values)


def test_every_two_steps_the_student_mines_its_own_candidates_anew(ground: Ground, tmp_path: Path) -> None:
    made, mined, told = student(ground), list[Run](), list[Run]()
    refreshed(ground, made, tmp_path, save_every=100, mined=mined, told=told)
    assert [step for step, *_ in made.seen] == [0, 1, 2, 3, 4]
    assert len(mined) == len(told) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mined-2.trec", "mined-4.trec"]
    assert mined[0].lists != mined[1].lists
    names = training.lists(ground, made, tmp_path).queries
    runs = [Run.read(ground.candidates), *mined]
    for step, queries, passages in made.seen:
        for query, listed in zip(queries, passages, strict=True):
            there = {row.passage_id for row in runs[step // 2].lists[names[query]]}
            assert {ground.corpus.collection.id_at(number) for number in listed[1:] if number >= 0} <= there


# a state from between two minings, and one from the very step of a mining
@pytest.mark.parametrize(
    ("save_every", "dies_at", "again"), [(3, 4, [3, 4]), (2, 3, [2, 3, 4]), (2, 4, [4]), (1, 2, [2, 3, 4])]
)
def test_a_training_that_mines_is_resumed_with_the_lists_it_had(
    ground: Ground, tmp_path: Path, save_every: int, dies_at: int, again: list[int]
) -> None:
    unbroken, killed, resumed = student(ground), student(ground, dies_at=dies_at), student(ground)
    mined, told = list[Run](), list[Run]()
    refreshed(ground, unbroken, tmp_path / "unbroken", save_every=save_every, mined=mined, told=told)
    mined.clear()
    with pytest.raises(KilledError):
        refreshed(ground, killed, tmp_path / "broken", save_every=save_every, mined=mined, told=told)
    refreshed(ground, resumed, tmp_path / "broken", save_every=save_every, mined=mined, told=told)
    assert [step for step, *_ in resumed.seen] == again
    assert resumed.seen == unbroken.seen[again[0] :]
    assert len(mined) == 2, "what was mined before the end is not mined again"
    assert same(training.weights(resumed), training.weights(unbroken))
