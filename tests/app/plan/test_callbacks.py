"""`callbacks=`: which of Lightning's callbacks there are, what they change, and why others are not offered."""

from collections.abc import Callable

import pytest
import pytorch_lightning as pl

from retrieval_kd.app.plan.callbacks import INSTEAD, ONLOOKERS
from retrieval_kd.app.plan.instantiate import classes
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import keyed_part
from retrieval_kd.errors import UserError

Planned = Callable[..., Plan]
LIGHTNING = "pytorch_lightning.callbacks"


def test_every_callback_of_lightning_looks_on_or_is_refused_with_what_to_give_instead() -> None:
    every = {f"{LIGHTNING}.{name}" for name in pl.callbacks.__all__} - {f"{LIGHTNING}.Callback"}
    assert every - ONLOOKERS - set(INSTEAD) == set()
    assert ONLOOKERS & set(INSTEAD) == set()
    assert classes("callbacks") == ONLOOKERS


def test_callbacks_that_look_on_are_combined_and_are_no_part_of_a_key(plan: Planned) -> None:
    plain, watched = plan("experiment=distil"), plan("experiment=distil", "callbacks=[lr_monitor,model_summary]")
    assert [stage.key for stage in watched.stages] == [stage.key for stage in plain.stages]
    trained = [set(stage.config["callbacks"]) for stage in watched.stages if stage.run == "train"]
    assert trained
    assert all(names == {"lr_monitor", "model_summary"} for names in trained)
    assert all("callbacks" not in stage.config for stage in watched.stages if stage.run != "train")


def test_a_callback_that_may_change_what_is_learned_is_part_of_the_key() -> None:
    acts = {"_target_": "my_package.Frozen", "until": 10}
    looks = {"_target_": f"{LIGHTNING}.LearningRateMonitor"}
    assert keyed_part({"seed": 0, "callbacks": {"acts": acts, "looks": looks}}) == {
        "seed": 0,
        "callbacks": {"acts": acts},
    }
    assert (
        keyed_part({"seed": 0, "callbacks": {"looks": looks}})
        == keyed_part({"seed": 0, "callbacks": {}})
        == {"seed": 0}
    )


def test_a_callback_is_added_and_set_for_one_stage_alone(plan: Planned) -> None:
    added = f"++at.train.callbacks.rates={{_target_: {LIGHTNING}.LearningRateMonitor, log_momentum: true}}"
    trained = {stage.name: stage.config.get("callbacks") for stage in plan("experiment=distil", added).stages}
    assert trained["train"] == {"rates": {"_target_": f"{LIGHTNING}.LearningRateMonitor", "log_momentum": True}}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["callbacks=lr_monitr"], r"no such option; did you mean callbacks=lr_monitor\?"),
        (["callbacks=[lr_monitor,none_such]"], "there is no such option"),
        (["callbacks=[lr_monitor,3]"], "give one option of this group"),
        (["optim=[adamw,adamw]"], "give one option of this group"),
        (["callbacks=lr_monitor", "callbacks.lr_monitor.logging_interval=hour"], "give step or epoch or null"),
        (["callbacks=lr_monitor", "+callbacks.lr_monitor.surprise=1"], "LearningRateMonitor has no argument surprise"),
        (["+callbacks.mine=3"], "callbacks has no key mine, and a new one is a mapping with _target_"),
        (
            [f"+callbacks.stop={{_target_: {LIGHTNING}.EarlyStopping, monitor: train/loss}}"],
            "EarlyStopping does not work here: a training takes optim.steps steps",
        ),
        (
            [f"+callbacks.states={{_target_: {LIGHTNING}.ModelCheckpoint}}"],
            "ModelCheckpoint does not work here: .*set save_every",
        ),
        (["+callbacks.x={_target_: os.system, command: ls}"], "give a class that an option of callbacks names"),
        (["+callbacks.x={_target_: pytorch_lightning.Trainer}"], "give a class that an option of callbacks names"),
    ],
)
def test_a_callback_that_does_not_work_is_refused_with_what_to_give_instead(
    plan: Planned, words: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        plan("experiment=distil", *words)


def test_device_stats_of_a_cpu_need_a_package_that_is_there(plan: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval_kd.app.check.callbacks.is_installed", lambda package: False)
    with pytest.raises(
        UserError, match=r"reads the CPU by the package psutil: pip install 'retrieval_kd\[device-stats\]'"
    ):
        plan("experiment=distil", "callbacks=device_stats", "machine=cpu")
    plan("experiment=distil", "callbacks=device_stats", "machine=cpu", "callbacks.device_stats.cpu_stats=false")
