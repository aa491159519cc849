"""Where our step's time goes: `python -m experiments.speed.profile --model minilm --steps 5`.

torch.profiler over our distillation step. An operator's own time goes to the part that it belongs to by its name and by
the part of the step that called it (in the backward pass all but products and attention are `other encoder`).
"""

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from experiments.speed.ours import step as ours
from experiments.speed.ours import timed
from experiments.speed.places import HERE
from experiments.speed.tasks import task
from experiments.speed.weights import weights
from retrieval_kd.batch.collate import Collate
from retrieval_kd.encoders.encoder import TextEncoder

PARTS = ("matrix products", "attention", "other encoder", "loss and scores", "data", "optimizer", "python and the rest")
_PRODUCTS = ("aten::addmm", "aten::mm", "aten::bmm", "aten::linear", "aten::matmul")
MARK = "part: "
_BACKWARD = "autograd::engine::evaluate_function"


class Probe:
    """Stands in for a Turn: leaves out the first step, profiles so many, then writes what it saw."""

    def __init__(self, steps: int, out: Path, about: dict[str, Any]) -> None:
        self.left, self.steps, self.out, self.about = steps + 1, steps, out, about
        self.profiler = profile(activities=[ProfilerActivity.CPU])

    def ready(self, **_: float) -> None:
        """The first step begins."""

    def __call__(self, _: Iterable[float] = (), *, units: float = 1.0) -> None:
        if self.left == self.steps + 1:
            self.profiler.start()
            self.since = time.perf_counter()
        self.left -= 1
        if not self.left:
            wall = time.perf_counter() - self.since
            self.profiler.stop()
            finish(self.profiler, wall / self.steps, self.steps, self.out, self.about)


class Marked(timed.Timed):
    """Our training with the optimiser's step, the encoders and the rest of training_step told apart."""

    def training_step(self, *given: Any) -> Any:
        with record_function("part: loss and scores"):
            return super().training_step(*given)

    def optimizer_step(self, epoch: int, batch: int, optimizer: Any, closure: Any) -> None:
        def ended() -> Any:
            with record_function("part: closure"):
                return closure()

        with record_function("part: optimizer"):
            super().optimizer_step(epoch, batch, optimizer, ended)


def mark(owner: type, method: str, part: str) -> None:
    """From now on, every call of a method runs under the mark of a part."""
    plain = getattr(owner, method)

    def marked(*given: Any, **named: Any) -> Any:
        with record_function(f"{MARK}{part}"):
            return plain(*given, **named)

    setattr(owner, method, marked)


def part_of(event: Any) -> str:
    """The part that an event's own time belongs to: by its name, else by the nearest mark above it."""
    names = [one.name for one in (event, *parents(event))]
    mark = next((name.removeprefix(MARK) for name in names if name.startswith(MARK)), None)
    if event.name.startswith(MARK):  # what Python does under a mark
        return mark if mark in ("data", "optimizer") else PARTS[-1]
    if any("scaled_dot_product" in name or "ScaledDotProduct" in name for name in names):
        return "attention"
    backward = any(name.startswith(_BACKWARD) for name in names)
    if event.name in _PRODUCTS and (backward or mark == "other encoder"):
        return "matrix products"
    if backward:
        return "other encoder"
    return "optimizer" if mark == "closure" else mark or PARTS[-1]


def parents(event: Any) -> Iterator[Any]:
    while event.cpu_parent is not None:
        event = event.cpu_parent
        yield event


def shares(profiler: Any, wall: float, steps: int) -> dict[str, float]:
    """Share of the step's wall time by part; what no operator covers is python and the rest."""
    spent: dict[str, float] = defaultdict(float)
    for event in profiler.events():
        spent[part_of(event)] += event.self_cpu_time_total / 1e6 / steps
    covered = {part: spent.get(part, 0.0) / wall for part in PARTS[:-1]}
    return {**covered, PARTS[-1]: 1 - sum(covered.values())}


def finish(profiler: Any, wall: float, steps: int, out: Path, about: dict[str, Any]) -> None:
    """Write and print, and leave: training would go on."""
    told = {**about, "wall": wall, "shares": shares(profiler, wall, steps)}
    for part, share in told["shares"].items():
        print(f"{part:>22}: {share:6.1%}")
    print(profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=25, max_name_column_width=60))
    with out.open("a") as file:
        file.write(json.dumps(told) + "\n")
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="minilm", choices=("minilm", "tiny"))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--queries", type=int, default=16)
    parser.add_argument("--passages", type=int, default=8)
    parser.add_argument("--out", type=Path, default=HERE / "profile.jsonl")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    size = {"queries_per_step": asked.queries, "passages_per_query": asked.passages}
    model = weights(asked.model)
    folder = task("synthetic", model, size, 16, None)
    about = {"model": asked.model, **size, "threads": asked.threads, "steps": asked.steps}
    timed.Timed = Marked
    mark(TextEncoder, "forward", "other encoder")
    mark(TextEncoder, "embed", "other encoder")
    mark(Collate, "__call__", "data")
    ours.run({**size, "model": str(model), "task": str(folder)}, Probe(asked.steps, asked.out, about))


if __name__ == "__main__":
    main()
