"""`machine.trainer`: every argument of Lightning's Trainer is taken, or refused with what to give instead."""

import inspect
from collections.abc import Callable

import pytest
import pytorch_lightning as pl

from retrieval_kd.app.cli.schema import FORMS
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.signatures import parameters
from retrieval_kd.app.plan.trainer_options import INSTEAD, TRAINER, unknown_key
from retrieval_kd.errors import UserError

Planned = Callable[..., Plan]
TAKEN = {"log_every_n_steps", "profiler", "detect_anomaly", "deterministic", "benchmark"}


def test_every_argument_of_the_trainer_is_taken_or_refused_with_what_to_give_instead() -> None:
    arguments = set(inspect.signature(pl.Trainer.__init__).parameters) - {"self"}
    assert set(parameters(FORMS[TRAINER]) or ()) == TAKEN
    assert arguments - TAKEN - set(INSTEAD) == set()
    assert set(INSTEAD) & TAKEN == set()


def test_an_argument_of_a_trainer_to_come_is_not_taken_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(INSTEAD, "max_time")
    assert "whether it changes what is learned is not known here" in unknown_key("max_time")


def test_what_is_taken_reaches_the_plan_and_no_key(plan: Planned) -> None:
    words = (
        "machine.trainer.profiler=simple",
        "machine.trainer.log_every_n_steps=5",
        "machine.trainer.deterministic=warn",
    )
    other = plan("experiment=distil", *words)
    trainer = other.machine["trainer"]
    assert (trainer["profiler"], trainer["log_every_n_steps"], trainer["deterministic"]) == ("simple", 5, "warn")
    assert [stage.key for stage in other.stages] == [stage.key for stage in plan("experiment=distil").stages]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("machine.trainer.max_steps=3", "max_steps is set by the framework: .*set that"),
        ("+machine.trainer.gradient_clip_val=1", "gradient_clip_val is set by the framework: set optim.clip"),
        (
            "+machine.trainer.accumulate_grad_batches=2",
            "data.queries_per_step queries, in groups of optim.tokens_per_group",
        ),
        ("+machine.trainer.logger=true", "set tracking=wandb, tensorboard or mlflow"),
        ("machine.trainer.profilr=simple", r"no such argument; did you mean machine\.trainer\.profiler\?"),
        ("+machine.trainer.surprise=1", "no such argument; there are: log_every_n_steps, profiler"),
        ("machine.trainer.profiler=simpel", "profiler=simpel: give simple or advanced or pytorch or null"),
        ("machine.trainer.log_every_n_steps=0", "log_every_n_steps=0: give at least 1"),
        ("machine.trainer.log_every_n_steps=often", "log_every_n_steps=often: give a whole number"),
        ("machine.trainer=3", "machine.trainer=3: "),
        ("~machine.trainer.profiler", "machine.trainer"),
        ("machine.trainer={deterministic: true, benchmark: true}", "exclude each other"),
    ],
)
def test_what_is_not_taken_is_refused_with_what_to_give_instead(plan: Planned, word: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan(word)
