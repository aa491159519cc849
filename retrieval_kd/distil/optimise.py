"""AdamW: parameter groups and their rates, with settings of its own for each learner where asked."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import nn

from retrieval_kd.distil.schedules import Schedule, schedule_problems, scheduler, trial_problem, warmup_steps
from retrieval_kd.errors import UserError

NonFinite = Literal["stop", "skip"]
_OWN = ("lr", "weight_decay", "clip")  # the options that a learner may have of its own
_FUSED = ("32-true", "bf16-mixed", "64-true")  # the precisions whose step may be fused
_PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true", "bf16-true", "16-true")


@dataclass(frozen=True)
class OptimConfig:
    """`steps` optimiser steps at `lr`, which follows a `schedule` with its `schedule_options` (distil/schedules.py)
    after a warm-up over the first `warmup` (a share of the steps, rounded down, or above 1 a number of them).

    `clip` bounds the gradient's norm (null: no bound); `learners` gives a role its own `lr`, `weight_decay` or `clip`
    (of its own gradient's norm); biases and normalisations are never decayed. `precision` is one of Lightning's; a
    group of texts has at most `tokens_per_group` tokens with padding; `recompute` keeps no activations of a group but
    runs it again in the backward pass. `nonfinite` says what a step does whose loss or gradient is not finite: stop the
    training, or skip the step and count it. Source: Loshchilov & Hutter (2019).
    """

    KEYLESS: ClassVar[frozenset[str]] = frozenset({"recompute", "nonfinite"})  # of no number

    lr: float
    steps: int
    warmup: float
    schedule: Schedule
    weight_decay: float
    betas: Sequence[float]
    eps: float
    clip: float | None
    schedule_options: Mapping[str, Any] = field(default_factory=dict)
    learners: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    precision: str = "32-true"
    tokens_per_group: int = 2048
    recompute: bool = False
    nonfinite: NonFinite = "stop"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.lr <= 0:
            raise UserError(f"optim.steps={self.steps} and optim.lr={self.lr}: give positive numbers")
        if self.warmup < 0 or self.weight_decay < 0 or (self.clip is not None and self.clip <= 0):
            raise UserError(
                f"optim.warmup={self.warmup}, optim.weight_decay={self.weight_decay}, optim.clip={self.clip}: give "
                "numbers from 0 on, and a positive clip or null"
            )
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"optim.betas={list(self.betas)}: give two numbers from 0 on, below 1, as [0.9,0.999]")
        if self.eps <= 0:
            raise UserError(f"optim.eps={self.eps}: give a number above 0, as 1e-8")
        for problem in schedule_problems(self.schedule, self.schedule_options, warmup=self.warmup):
            raise UserError(problem)
        options = self.schedule_options
        if self.num_warmup_steps >= self.steps:
            raise UserError(
                f"optim.warmup={self.warmup} lasts as long as optim.steps={self.steps}: give a shorter warm-up"
            )
        if options and (
            trial := trial_problem(self.schedule, options, lr=self.lr, warmup=self.num_warmup_steps, steps=self.steps)
        ):
            raise UserError(trial)
        for role, own in self.learners.items():
            if unknown := set(own) - set(_OWN):
                raise UserError(f"optim.learners.{role}.{unknown.pop()}: a learner has its own {', '.join(_OWN)}")
            if own.get("clip", 1.0) <= 0 or own.get("lr", 1.0) <= 0 or own.get("weight_decay", 0.0) < 0:
                raise UserError(
                    f"optim.learners.{role}: give a positive lr, a positive clip and a weight_decay from 0 on"
                )
        if self.precision not in _PRECISIONS:
            raise UserError(f"optim.precision={self.precision}: give one of {', '.join(_PRECISIONS)}")
        if self.nonfinite not in get_args(NonFinite):
            raise UserError(f"optim.nonfinite={self.nonfinite}: give one of {', '.join(get_args(NonFinite))}")
        if self.tokens_per_group < 1:
            raise UserError(f"optim.tokens_per_group={self.tokens_per_group}: give a positive number")

    @property
    def num_warmup_steps(self) -> int:
        """The steps of the warm-up."""
        return warmup_steps(self.warmup, self.steps)

    def clip_gradients(self, owned: Mapping[str, Iterable[tuple[str, nn.Parameter]]]) -> bool:
        """Clips the gradients: a learner with a `clip` of its own by itself, all others together. Whether they are
        finite; where they are not, some may be as they were.
        """
        together: list[nn.Parameter] = []
        finite = True
        for role, named in owned.items():
            parameters = [value for _, value in named]
            if "clip" in self.learners.get(role, {}):
                finite &= _clip(parameters, self.learners[role]["clip"])
            else:
                together += parameters
        return _clip(together, self.clip) and finite

    def build(
        self, owned: Mapping[str, Iterable[tuple[str, nn.Parameter]]], *, fused: bool = False
    ) -> tuple[torch.optim.Optimizer, Any]:
        """The optimiser over the parameters that each learner owns, and its schedule; `fused`: in one pass over them,
        where the device can.
        """
        groups: list[dict[str, Any]] = []
        for role, parameters in owned.items():
            own = {"lr": self.lr, "weight_decay": self.weight_decay, **self.learners.get(role, {})}
            named = list(parameters)
            for decayed in (True, False):
                values = [value for name, value in named if (value.dim() > 1) is decayed]
                if values:
                    groups.append(
                        {"params": values, "lr": own["lr"], "weight_decay": own["weight_decay"] if decayed else 0.0}
                    )
        betas, one_pass = (self.betas[0], self.betas[1]), fused and self._can_fuse(groups)
        optimizer = torch.optim.AdamW(groups, lr=self.lr, betas=betas, eps=self.eps, fused=one_pass or None)
        return optimizer, scheduler(
            self.schedule, optimizer, warmup=self.num_warmup_steps, steps=self.steps, options=self.schedule_options
        )

    def _can_fuse(self, groups: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a fused step makes the same numbers up to rounding: not of 16-bit weights, and not behind a gradient
        scaler, whose factor it would take out only after the gradients were clipped.
        """
        devices = {value.device.type for group in groups for value in group["params"]}
        return self.precision in _FUSED and devices <= {"cpu", "cuda"}


def _clip(parameters: Sequence[nn.Parameter], clip: float | None) -> bool:
    """Whether the norm of the gradients was finite, so that they were clipped; else they stay as they are."""
    try:
        nn.utils.clip_grad_norm_(parameters, math.inf if clip is None else clip, error_if_nonfinite=True)
    except RuntimeError as error:
        if "non-finite" not in str(error):
            raise
        return False
    return True
