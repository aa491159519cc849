"""The measuring side of the talk: start a worker in its environment, ask it for repetitions, end it."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from experiments.speed.places import ROOT


class Worker:
    """A side's process. What its libraries print goes into `log`. Raises RuntimeError, naming the log, if it ends."""

    def __init__(self, python: Path, module: str, settings: Mapping[str, Any], log: Path) -> None:
        self.log, self.file = log, log.open("w")
        command = [python, "-m", "experiments.speed.worker", module, json.dumps(settings)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.file}
        environment = environment_of(settings["threads"], settings.get("device", "cpu"))
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, start_new_session=True, **pipes)
        self.once = self._answer()["once"]

    def do(self, repetitions: int) -> dict[str, Any]:
        """The cost of so many repetitions."""
        self.process.stdin.write(json.dumps({"repetitions": repetitions}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a side ended; the last of {self.log}:\n{self.log.read_text()[-2000:]}")
        return json.loads(line)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a loader's workers outlive a trainer that is cut short
        self.file.close()


def environment_of(threads: int, device: str) -> dict[str, str]:
    """The same threads for torch, FAISS and tokenizers; no network; no GPU unless it is asked for."""
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), str(threads))
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "WANDB_MODE": "disabled"}
    seen = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
    return {**os.environ, **counts, **offline, **seen, "TOKENIZERS_PARALLELISM": "true", "PYTHONWARNINGS": "ignore"}
