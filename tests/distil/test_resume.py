"""A training that was killed ends as if it had not been."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from retrieval_kd.app.stages.loggers import JsonLines
from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.distil.states import SaveStates
from retrieval_kd.errors import UserError
from retrieval_kd.ranking.dense import Dense
from retrieval_kd.ranking.mining import Hard
from retrieval_kd.ranking.ranker import mine
from retrieval_kd.text.run import Run
from retrieval_kd.text.signals import SIGNALS, Stopped
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


def student(ground: Ground, *, dies_at: int | None = None, kind: type[Mortal] = Mortal) -> Mortal:
    """Self on-the-fly distillation with dropout, five steps long."""
    distiller = training.distiller(
        "self_otf",
        training.scorer_node(ground, "dual", dropout=0.1),
        {"late": training.scorer_node(ground, "late", projection=8)},
        optim=training.adamw(steps=STEPS, lr=1e-3),
        kind=kind,
    )
    assert isinstance(distiller, Mortal)
    distiller.dies_at = dies_at
    return distiller


def miner(ground: Ground, distiller: Distiller, mined: list[Run]) -> Callable[[], Run]:
    """Mines the train queries with the student as it is, and keeps what it found in a list too."""

    def mine_now() -> Run:
        scorer: Any = distiller.scorer("student")
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


@pytest.mark.parametrize("around", ["before", "after"])
def test_a_training_killed_around_a_save_and_resumed_logs_every_step_once(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, around: str
) -> None:
    saved = SaveStates.save

    def killed(keep: SaveStates, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if around == "after" or trainer.global_step < 4:
            saved(keep, trainer, module)
        if trainer.global_step == 4:
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(SaveStates, "save", killed)
        with pytest.raises(KilledError):
            logged(ground, student(ground), tmp_path)
    logged(ground, student(ground), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]


def logged(ground: Ground, distiller: Mortal, folder: Path) -> None:
    """A training that saves every two steps and logs to a file."""
    loggers = [JsonLines(folder / "metrics.jsonl")]
    training.train(ground, distiller, folder, save_every=2, loggers=loggers, options={"log_every_n_steps": 1})


def test_a_finished_training_leaves_no_half_written_state(ground: Ground, tmp_path: Path) -> None:
    training.train(ground, student(ground), tmp_path, save_every=2)
    assert [path.name.split("-")[:2] for path in sorted(tmp_path.iterdir())] == [["state", "2"], ["state", "4"]]


def broken(ground: Ground, folder: Path) -> list[Path]:
    """States after steps 2 and 3 of a training that was killed in step 3, the newest last."""
    with pytest.raises(KilledError):
        training.train(ground, student(ground, dies_at=3), folder, save_every=1)
    return sorted(folder.glob("state-*"))


@pytest.mark.parametrize("damage", [lambda was: was[: len(was) // 2], lambda was: was[:-9] + b"!" + was[-8:]])
def test_a_damaged_state_is_reported_and_training_resumes_from_the_one_before(
    ground: Ground, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    before, newest = broken(ground, tmp_path / "broken")
    newest.write_bytes(damage(newest.read_bytes()))
    unbroken, resumed, messages = student(ground), student(ground), list[str]()
    training.train(ground, unbroken, tmp_path / "unbroken")
    training.train(ground, resumed, tmp_path / "broken", tell=messages.append)
    assert messages[0].startswith(f"{newest.name} is damaged")
    assert [step for step, *_ in resumed.seen] == [2, 3, 4]
    assert before.name.startswith("state-2-")
    assert same(training.weights(resumed), training.weights(unbroken))


def test_a_training_whose_states_are_all_damaged_starts_again(ground: Ground, tmp_path: Path) -> None:
    for path in broken(ground, tmp_path):
        path.write_bytes(b"")
    resumed = student(ground)
    training.train(ground, resumed, tmp_path)
    assert [step for step, *_ in resumed.seen] == [0, 1, 2, 3, 4]


def test_a_state_that_lacks_a_learning_tensor_is_refused(ground: Ground, tmp_path: Path) -> None:
    distiller = student(ground)
    saved = {name: value for name, value in distiller.state_dict().items() if "word_embeddings" not in name}
    with pytest.raises(UserError, match=r"lacks scorers\.student\..*word_embeddings.*fresh="):
        SaveStates(tmp_path, 1).on_load_checkpoint(
            pl.Trainer(accelerator="cpu", logger=False), distiller, {"state_dict": saved}
        )


def test_states_do_not_pass_through_the_folder_for_temporary_files(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not there"))
    training.train(ground, student(ground), tmp_path / "here", save_every=2)
    assert len(list((tmp_path / "here").glob("state-*.ckpt"))) == 2


class Asked(Mortal):
    """Is asked to stop in the middle of a step."""

    number = signal.SIGTERM

    def training_step(self, batch: Candidates, _: int = 0) -> Tensor:
        if batch.step == 2:
            os.kill(os.getpid(), self.number)
        return super().training_step(batch)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_that_is_asked_to_stop_ends_its_step_saves_it_and_goes_on_from_there(
    ground: Ground, tmp_path: Path, number: signal.Signals, workers: int
) -> None:
    unbroken, asked, resumed = student(ground), student(ground, kind=Asked), student(ground)
    asked.number = number
    handlers = [signal.getsignal(one) for one in SIGNALS]
    training.train(ground, unbroken, tmp_path / "unbroken")
    with pytest.raises(Stopped, match=f"stopped by {number.name} after step 3, whose state is saved") as stopped:
        training.train(ground, asked, tmp_path / "asked", workers=workers)
    assert stopped.value.number == number
    assert [signal.getsignal(one) for one in SIGNALS] == handlers
    training.train(ground, resumed, tmp_path / "asked")
    assert [step for step, *_ in resumed.seen] == [3, 4]
    assert same(training.weights(resumed), training.weights(unbroken))


def refreshed(
    ground: Ground, distiller: Mortal, folder: Path, *, save_every: int, mined: list[Run], relisted: list[Run]
) -> None:
    """A training that mines anew every two steps."""
    values = {"refresh_every": 2, "mine": miner(ground, distiller, mined), "on_new_run": relisted.append}
    training.train(ground, distiller, folder, save_every=save_every, **values)


def test_every_two_steps_the_student_mines_its_own_candidates_anew(ground: Ground, tmp_path: Path) -> None:
    distiller, mined, relisted = student(ground), list[Run](), list[Run]()
    refreshed(ground, distiller, tmp_path, save_every=100, mined=mined, relisted=relisted)
    assert [step for step, *_ in distiller.seen] == [0, 1, 2, 3, 4]
    assert len(mined) == len(relisted) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mined-2.trec", "mined-4.trec"]
    assert mined[0].lists != mined[1].lists
    names = training.lists(ground, distiller, tmp_path).queries
    runs = [Run.read(ground.candidates), *mined]
    for step, queries, passages in distiller.seen:
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
    mined, relisted = list[Run](), list[Run]()
    refreshed(ground, unbroken, tmp_path / "unbroken", save_every=save_every, mined=mined, relisted=relisted)
    mined.clear()
    with pytest.raises(KilledError):
        refreshed(ground, killed, tmp_path / "broken", save_every=save_every, mined=mined, relisted=relisted)
    refreshed(ground, resumed, tmp_path / "broken", save_every=save_every, mined=mined, relisted=relisted)
    assert [step for step, *_ in resumed.seen] == again
    assert resumed.seen == unbroken.seen[again[0] :]
    assert len(mined) == 2, "what was mined before the end is not mined again"
    assert same(training.weights(resumed), training.weights(unbroken))
