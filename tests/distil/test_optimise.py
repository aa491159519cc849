"""AdamW's schedule and groups, by hand."""

import pytest
import torch
from torch import nn

from retrieval_kd.text.fault import Fault
from tests.distil import training
from tests.distil.training import Ground


def rates(steps: int, **values: object) -> list[float]:
    found = training.adamw(steps=steps, **values)
    return [found.rate(step) for step in range(steps)]


def test_the_rate_rises_over_the_warm_up_and_then_falls_in_a_line_to_zero() -> None:
    assert rates(10, warmup=0.2) == pytest.approx([1 / 2, 1, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert training.adamw(steps=10, warmup=0.2).rate(10) == 0


def test_a_warm_up_above_one_is_a_number_of_steps() -> None:
    assert rates(8, warmup=4.0) == pytest.approx([1 / 4, 2 / 4, 3 / 4, 1, 1, 3 / 4, 2 / 4, 1 / 4])


def test_without_a_warm_up_the_first_step_has_the_whole_rate() -> None:
    assert rates(4, warmup=0.0) == pytest.approx([1, 3 / 4, 2 / 4, 1 / 4])


def test_a_constant_schedule_stays_after_its_warm_up() -> None:
    assert rates(6, warmup=0.5, schedule="constant") == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 1])


def test_the_optimiser_takes_the_rate_of_each_step() -> None:
    linear = nn.Linear(2, 2)
    optimizer, schedule = training.adamw(steps=4, warmup=2.0, lr=0.8).build({"student": linear.named_parameters()})
    found = []
    for _ in range(4):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert found == pytest.approx([0.4, 0.8, 0.8, 0.4])


def test_biases_and_normalisations_are_not_decayed() -> None:
    model = nn.Sequential(nn.Embedding(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    optimizer, _ = training.adamw(weight_decay=0.5).build({"student": model.named_parameters()})
    decay = {id(value): group["weight_decay"] for group in optimizer.param_groups for value in group["params"]}
    found = {name: decay[id(value)] for name, value in model.named_parameters()}
    assert found == {"0.weight": 0.5, "1.weight": 0, "1.bias": 0, "2.weight": 0.5, "2.bias": 0}


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
    found = [(group["initial_lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert found == [(1e-3, 0.1), (1e-3, 0.0), (1e-5, 0.2), (1e-5, 0.0)]


def test_every_parameter_that_learns_is_optimised_once(ground: Ground) -> None:
    untied = training.distiller("contrastive", training.scorer_node(ground, "dual", shared=False))
    optimizer = untied.configure_optimizers()["optimizer"]
    held = [id(value) for group in optimizer.param_groups for value in group["params"]]
    assert sorted(held) == sorted(id(value) for value in untied.parameters() if value.requires_grad)


@pytest.mark.parametrize("values", [{"steps": 0}, {"lr": 0.0}, {"lr": -1e-3}])
def test_numbers_that_train_nothing_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(Fault, match="give positive numbers"):
        training.adamw(**values)


def test_a_learner_with_a_clip_of_its_own_is_bounded_by_itself() -> None:
    parts = {role: nn.Linear(1, 1, bias=False) for role in ("student", "late", "cross")}
    for part, gradient in zip(parts.values(), (3.0, 8.0, 4.0), strict=True):
        part.weight.grad = torch.full((1, 1), gradient)
    owned = {role: list(part.named_parameters()) for role, part in parts.items()}
    training.adamw(clip=1.0, learners={"late": {"clip": 2.0}}).bound(owned)
    found = {role: part.weight.grad.item() for role, part in parts.items() if part.weight.grad is not None}
    assert found == pytest.approx({"student": 0.6, "late": 2.0, "cross": 0.8}, abs=1e-5)  # |(3, 4)| is 5


def test_a_learner_s_own_settings_are_a_rate_a_decay_and_a_clip() -> None:
    with pytest.raises(Fault, match=r"optim\.learners\.late\.momentum: a learner has its own lr, weight_decay, clip"):
        training.adamw(learners={"late": {"momentum": 0.9}})
    with pytest.raises(Fault, match=r"optim\.learners\.late: give a positive lr and a positive clip"):
        training.adamw(learners={"late": {"clip": 0.0}})
