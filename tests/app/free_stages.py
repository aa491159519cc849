"""Stages that make what the real ones make, at no cost; as a script, the program with these in place of them.

CALLS names a file that gets a line a call; SECONDS is how long a training step sleeps.
"""

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from retrieval_kd.app.plan.stage_kinds import KINDS, StageKind
from retrieval_kd.app.stages.work import Work


def train(config: DictConfig, work: Work) -> dict[str, Any]:
    """Counts steps in a file, from where a killed one stopped."""
    note("train", work)
    _all_ranks_are_here(work.artifacts / ".ranks" / work.folder.name)
    counter = work.folder / "state-counter.ckpt"
    began = int(counter.read_text()) if counter.exists() else 0
    for step in range(began, config.optim.steps):
        time.sleep(float(os.environ.get("SECONDS", "0")))
        if os.environ.get("RANK", "0") == "0":
            counter.write_text(str(step + 1))
        work.log(step=step + 1, loss=1 / (step + 1))
    for role in ("student", *(config.get("teacher") or {})):
        (work.payload / role).mkdir(exist_ok=True)
        (work.payload / role / "model.safetensors").write_text(f"{role} after {config.optim.steps} steps")
    return {"steps": config.optim.steps, "began": began}


def _all_ranks_are_here(folder: Path) -> None:
    """As DistributedDataParallel waits for every process."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / os.environ.get("RANK", "0")).touch()
    while len(list(folder.iterdir())) < int(os.environ.get("WORLD_SIZE", "1")):
        time.sleep(0.01)


def mine(config: DictConfig, work: Work) -> dict[str, Any]:
    """A run of one line."""
    note("mine", work)
    (work.payload / "run.trec").write_text("q0 Q0 p1 1 1.0 stub\n")
    return {}


def evaluate(config: DictConfig, work: Work) -> dict[str, Any]:
    """A run of one line, and means that depend on who is judged."""
    note("evaluate", work)
    (work.folder / "run.trec").write_text("q4 Q0 p4 1 1.0 stub\n")
    rows = [{"query": query, "nDCG@10": value} for query, value in (("q4", 0.25), ("q5", 1.0))]
    (work.folder / "per_query-test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    trained = Path(str((config.get("student") or {}).get("checkpoint"))).is_dir()
    metrics = {
        "test": {"nDCG@10": 0.5 + 0.25 * trained, "RR@10": 0.5, "R@100": 1.0, "queries": 2},
        "dev": {"nDCG@10": 0.125 + 0.25 * trained, "RR@10": 0.5, "R@100": 1.0, "queries": 1},
    }
    return {"late": metrics} if config.evaluation.whom == "teacher" else metrics


def note(kind: str, work: Work) -> None:
    """A line in the file that CALLS names, if it does."""
    if "CALLS" in os.environ:
        with open(os.environ["CALLS"], "a") as calls:
            calls.write(f"{kind} {work.folder.name}\n")


def help_nobody(config: DictConfig, work: Work) -> None:
    """What helps a stage, which does nothing."""


def free_kinds() -> dict[str, StageKind]:
    """The kinds of stages, with these functions in the place of theirs."""
    place = "tests.app.free_stages"
    return {
        name: replace(kind, function=f"{place}:{name}", helper=kind.helper and f"{place}:help_nobody")
        for name, kind in KINDS.items()
    }


if __name__ == "__main__":
    from retrieval_kd.app.main import main

    KINDS.update(free_kinds())
    main()
