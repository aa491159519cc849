"""AdamW's schedules and groups, by hand."""

import inspect
import math
import re
from typing import get_args

import pytest
import torch
from torch import nn
from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION
from transformers.trainer_utils import SchedulerType

from retrieval_kd.distil.schedules import FROM_START, OPTIONS, Schedule
from retrieval_kd.errors import UserError
from tests.distil import training
from tests.distil.training import Ground


def rates(steps: int, **values: object) -> list[float]:
    """The factor on the learning rate at each step, as the optimiser takes it."""
    linear = nn.Linear(2, 2)
    optimizer, schedule = training.adamw(steps=steps, lr=1.0, **values).build({"student": linear.named_parameters()})
    result = []
    for _ in range(steps):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return result


def test_the_rate_rises_from_zero_over_the_warm_up_and_then_falls_in_a_line() -> None:
    published = [0, 1 / 3, 2 / 3, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7]  # of transformers 5, 3 steps of 10
    assert rates(10, warmup=3.0) == pytest.approx(published)
    assert rates(10, warmup=0.3) == pytest.approx(published)
    assert rates(10, warmup=0.39) == pytest.approx(published), "a share is rounded down"


def test_without_a_warm_up_the_first_step_has_the_whole_rate() -> None:
    assert rates(4, warmup=0.0) == pytest.approx([1, 3 / 4, 2 / 4, 1 / 4])


def test_the_rate_of_berts_publication_falls_from_the_first_step_on() -> None:
    published = [0, 1 / 3, 2 / 3, 7 / 10, 6 / 10, 5 / 10, 4 / 10, 3 / 10, 2 / 10, 1 / 10]
    assert rates(10, warmup=3.0, schedule="linear_from_start") == pytest.approx(published)


def test_a_schedule_is_the_library_s_with_its_own_options() -> None:
    assert rates(3, warmup=0.0, schedule="constant") == [1, 1, 1]
    assert rates(4, warmup=2.0, schedule="constant_with_warmup") == pytest.approx([0, 1 / 2, 1, 1])
    half = [(1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert rates(4, warmup=0.0, schedule="cosine") == pytest.approx(half)
    whole = rates(4, warmup=0.0, schedule="cosine", schedule_options={"num_cycles": 1.0})
    assert whole == pytest.approx([1, 1 / 2, 0, 1 / 2])
    squared = {"schedule": "polynomial", "schedule_options": {"power": 2.0, "lr_end": 0.0}}
    assert rates(4, warmup=0.0, **squared) == pytest.approx([1, 9 / 16, 4 / 16, 1 / 16])


def test_every_schedule_makes_rates_and_reads_the_options_that_are_named() -> None:
    needed = {"cosine_with_min_lr": {"min_lr": 0.1}, "warmup_stable_decay": {"num_decay_steps": 2}}
    for name in get_args(Schedule):
        warmup = 0.0 if name == "constant" else 2.0
        assert max(rates(8, warmup=warmup, schedule=name, schedule_options=needed.get(name, {}))) <= 1
        if name != FROM_START:
            own = set(inspect.signature(TYPE_TO_SCHEDULER_FUNCTION[SchedulerType(name)]).parameters)
            given = {"optimizer", "num_warmup_steps", "num_training_steps", "last_epoch"}
            assert own - given == set(OPTIONS.get(name, ())), name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"schedule": "linear", "schedule_options": {"power": 2.0}},
            "schedule=linear reads no option of its own",
        ),
        ({"schedule": "cosine", "schedule_options": {"power": 2.0}}, "optim.schedule=cosine reads num_cycles"),
        ({"schedule": "cosine_with_min_lr"}, "give {min_lr or min_lr_rate: a number}"),
        ({"schedule": "polynomial", "schedule_options": {"lr_end": 1.0}}, "must be smaller than initial lr"),
        ({"schedule": "cosine", "schedule_options": {"num_cycles": "many"}}, "give numbers that it takes"),
        ({"schedule": "inverse_sqrt", "schedule_options": {"timescale": 0}}, "give numbers that it takes"),
        ({"schedule": "constant", "warmup": 0.1}, "give optim.schedule=constant_with_warmup, or optim.warmup=0"),
        ({"warmup": 3.0, "steps": 3}, "optim.warmup=3.0 lasts as long as optim.steps=3"),
    ],
)
def test_what_a_schedule_does_not_read_or_lacks_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        training.adamw(**values)


def test_biases_and_normalisations_are_not_decayed() -> None:
    model = nn.Sequential(nn.Embedding(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    optimizer, _ = training.adamw(weight_decay=0.5).build({"student": model.named_parameters()})
    decay = {id(value): group["weight_decay"] for group in optimizer.param_groups for value in group["params"]}
    decays = {name: decay[id(value)] for name, value in model.named_parameters()}
    assert decays == {"0.weight": 0.5, "1.weight": 0, "1.bias": 0, "2.weight": 0.5, "2.bias": 0}


def test_decay_takes_its_share_of_a_weight_at_the_step_s_rate() -> None:
    linear = nn.Linear(1, 1, bias=False)
    nn.init.constant_(linear.weight, 2.0)
    chosen = training.adamw(lr=0.1, weight_decay=0.5, warmup=0.0)
    optimizer, _ = chosen.build({"student": linear.named_parameters()})
    linear.weight.grad = torch.zeros(1, 1)
    optimizer.step()
    assert linear.weight.item() == pytest.approx(2.0 * (1 - 0.1 * 0.5))


def test_a_learner_may_have_a_rate_and_a_decay_of_its_own() -> None:
    student, late = nn.Linear(2, 2), nn.Linear(2, 2)
    chosen = training.adamw(lr=1e-3, weight_decay=0.1, learners={"late": {"lr": 1e-5, "weight_decay": 0.2}})
    optimizer, _ = chosen.build({"student": student.named_parameters(), "late": late.named_parameters()})
    groups = [(group["initial_lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert groups == [(1e-3, 0.1), (1e-3, 0.0), (1e-5, 0.2), (1e-5, 0.0)]


def test_every_parameter_that_learns_is_optimised_once(ground: Ground) -> None:
    untied = training.distiller("contrastive", training.scorer_node(ground, "dual", shared=False))
    optimizer = untied.configure_optimizers()["optimizer"]
    held = [id(value) for group in optimizer.param_groups for value in group["params"]]
    assert sorted(held) == sorted(id(value) for value in untied.parameters() if value.requires_grad)


@pytest.mark.parametrize("values", [{"steps": 0}, {"lr": 0.0}, {"lr": -1e-3}])
def test_numbers_that_train_nothing_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(UserError, match="give positive numbers"):
        training.adamw(**values)


def test_a_learner_with_a_clip_of_its_own_is_bounded_by_itself() -> None:
    parts = {role: nn.Linear(1, 1, bias=False) for role in ("student", "late", "cross")}
    for part, gradient in zip(parts.values(), (3.0, 8.0, 4.0), strict=True):
        part.weight.grad = torch.full((1, 1), gradient)
    owned = {role: list(part.named_parameters()) for role, part in parts.items()}
    training.adamw(clip=1.0, learners={"late": {"clip": 2.0}}).clip_gradients(owned)
    gradients = {role: part.weight.grad.item() for role, part in parts.items() if part.weight.grad is not None}
    assert gradients == pytest.approx({"student": 0.6, "late": 2.0, "cross": 0.8}, abs=1e-5)  # |(3, 4)| is 5


def test_a_learner_s_own_settings_are_a_rate_a_decay_and_a_clip() -> None:
    with pytest.raises(
        UserError, match=r"optim\.learners\.late\.momentum: a learner has its own lr, weight_decay, clip"
    ):
        training.adamw(learners={"late": {"momentum": 0.9}})
    with pytest.raises(UserError, match=r"optim\.learners\.late: give a positive lr, a positive clip"):
        training.adamw(learners={"late": {"clip": 0.0}})
