"""One side of a row as a process that stays: it sets up, then answers "do k repetitions" with what they cost.

`python -m experiments.speed.worker <module> '<settings as JSON>'`. The module's `run(settings, turn)` sets up, calls
`turn.ready()` and then `turn(numbers)` after each repetition: that is where it waits. So a trainer's own loop can be
measured, from one of its hooks. Runs in any environment with nothing of this repository but this folder.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from experiments.speed.meter import Watch, anonymous_mb, cpu_seconds, peak_mb, status_mb


class Turn:
    """The measured process's side of the talk: a line of JSON in, a line of JSON out."""

    def __init__(self, settings: dict[str, Any], answers: TextIO) -> None:
        self.answers, self.left, self.units, self.values = answers, 0, 0.0, []
        self.watch = Watch() if settings.get("watch_anonymous") else None

    def ready(self, **once: float) -> None:
        """All is set up; `once` is what was paid for once. Waits for work."""
        self.resident, self.anonymous = status_mb("VmRSS"), anonymous_mb()
        if self.watch:
            self.watch.start()
        self._say(ready=True, once=once)
        self._wait()

    def __call__(self, values: Sequence[float] = (), *, units: float = 1.0) -> None:
        """A repetition is done: the numbers that it computed, and how many units of work it was."""
        self.left, self.units = self.left - 1, self.units + units
        self.values = self.values or [float(value) for value in values]
        if not self.left:
            self._say(wall=time.perf_counter() - self.since, cpu=cpu_seconds() - self.cpu, **self._told())
            self._wait()

    def _told(self) -> dict[str, Any]:
        peak = peak_mb()
        memory = {"peak_mb": peak, "extra_mb": peak - self.resident, "anon_mb": None, "anon_peak_mb": None}
        if self.watch:
            memory |= {"anon_mb": self.watch.peak_mb - self.anonymous, "anon_peak_mb": self.watch.peak_mb}
        return {"units": self.units, "values": self.values, **memory}

    def _say(self, **words: Any) -> None:
        self.answers.write(json.dumps(words) + "\n")
        self.answers.flush()

    def _wait(self) -> None:
        asked = sys.stdin.readline()
        if not asked.strip():
            os._exit(0)  # nobody asks any more: no hook of a trainer need be run
        self.left, self.units, self.values = json.loads(asked)["repetitions"], 0.0, []
        self.cpu, self.since = cpu_seconds(), time.perf_counter()


def main() -> None:
    """Answers go to what was standard output; whatever a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    settings = json.loads(sys.argv[2])
    importlib.import_module(f"experiments.speed.{sys.argv[1]}").run(settings, Turn(settings, answers))


if __name__ == "__main__":
    main()
