"""Learning rates over the steps: the schedules of `transformers`, and the one that BERT was published with."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

Schedule = Literal[
    "linear",
    "cosine",
    "cosine_with_restarts",
    "cosine_with_min_lr",
    "polynomial",
    "inverse_sqrt",
    "warmup_stable_decay",
    "constant",
    "constant_with_warmup",
    "linear_from_start",
]
FROM_START = "linear_from_start"
OPTIONS: dict[str, frozenset[str]] = {  # the options of a schedule beside its warm-up and its length
    "cosine": frozenset({"num_cycles"}),
    "cosine_with_restarts": frozenset({"num_cycles"}),
    "cosine_with_min_lr": frozenset({"num_cycles", "min_lr", "min_lr_rate"}),
    "polynomial": frozenset({"lr_end", "power"}),
    "inverse_sqrt": frozenset({"timescale"}),
    "warmup_stable_decay": frozenset(
        {"num_decay_steps", "num_stable_steps", "warmup_type", "decay_type", "min_lr_ratio", "num_cycles"}
    ),
}
_NEEDED = {"cosine_with_min_lr": ("min_lr", "min_lr_rate"), "warmup_stable_decay": ("num_decay_steps",)}


def schedule_problems(name: str, options: Mapping[str, Any], *, warmup: float) -> Iterator[str]:
    """Options that a schedule does not read, or lacks; a warm-up that it does not have."""
    known = OPTIONS.get(name, frozenset())
    unknown = sorted(set(options) - known)
    if unknown:
        yield (
            f"optim.schedule_options.{unknown[0]}: optim.schedule={name} reads "
            f"{', '.join(sorted(known)) or 'no option of its own'}"
        )
    needed = _NEEDED.get(name, ())
    if needed and not set(needed) & set(options):
        yield f"optim.schedule={name} needs optim.schedule_options: give {{{' or '.join(needed)}: a number}}"
    if name == "constant" and warmup:
        yield (
            f"optim.warmup={warmup} has no effect: optim.schedule=constant has no warm-up; give "
            "optim.schedule=constant_with_warmup, or optim.warmup=0"
        )


def warmup_steps(warmup: float, steps: int) -> int:
    """A share of the steps, rounded down, or above 1 a number of them."""
    return int(warmup if warmup > 1 else warmup * steps)


def trial_problem(name: str, options: Mapping[str, Any], *, lr: float, warmup: int, steps: int) -> str | None:
    """A sentence where the schedule's own options make no rates, as asked of one weight."""
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=lr)
    try:
        schedule = scheduler(name, optimizer, warmup=warmup, steps=steps, options=options)
        assert isinstance(schedule, LambdaLR)
        rates = [float(schedule.lr_lambdas[0](step)) for step in sorted({0, warmup, steps // 2, steps - 1})]
    except (ArithmeticError, TypeError, ValueError) as error:
        return f"optim.schedule_options={dict(options)} of optim.schedule={name}: {error}; give numbers that it takes"
    if all(math.isfinite(rate) and rate >= 0 for rate in rates):
        return None
    return f"optim.schedule_options={dict(options)} of optim.schedule={name}: a rate falls below 0; give other numbers"


def scheduler(
    name: str, optimizer: torch.optim.Optimizer, *, warmup: int, steps: int, options: Mapping[str, Any]
) -> LRScheduler:
    """The schedule, as `transformers.get_scheduler` makes it: with a warm-up of n steps the first step's rate is 0, and
    step n's the whole one.

    `linear_from_start`: lr · step / n in the warm-up, then lr · (1 - step / steps), which falls from step 0 on. Source:
    optimization.py of BERT's code (Devlin et al. 2019).
    """
    if name == FROM_START:
        # a plain function: of a bound method a checkpoint would keep the attributes
        return LambdaLR(optimizer, lambda step: step / warmup if step < warmup else max(0.0, 1 - step / steps))
    from transformers import get_scheduler

    schedule: LRScheduler = get_scheduler(
        name, optimizer, num_warmup_steps=warmup, num_training_steps=steps, scheduler_specific_kwargs=dict(options)
    )
    return schedule
