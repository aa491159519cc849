"""The root of the configuration: its keys, their types, and the names that the rest of app/ agrees on."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore

VERBS = ("train", "mine", "score", "evaluate")
GROUPS = ("corpus", "student", "teacher", "loss", "curriculum", "data", "ranker", "mining", "evaluation", "optim")
HALVES = {"bf16-mixed": "bfloat16", "16-mixed": "float16"}  # what `precision` may say, and the type of torch
EVERYWHERE = "any"  # `+at.any.<key>` is a word for every stage: how a key that only some stages have passes Hydra


@dataclass
class Root:
    """What stands beside the groups; `seed` and `precision` are read by stages, the rest says what to do with them."""

    name: str = "unnamed"
    seed: int = 0
    precision: str | None = None
    stages: dict[str, Any] = field(default_factory=dict)
    stage: str | None = None
    fresh: str | None = None
    dry_run: bool = False
    save_every: int = 100
    artifacts: str = "artifacts"
    at: dict[str, Any] = field(default_factory=dict)
    corpus: Any = None
    student: Any = None
    teacher: Any = None
    loss: Any = None
    curriculum: Any = None
    data: Any = None
    ranker: Any = None
    mining: Any = None
    evaluation: Any = None
    optim: Any = None
    machine: Any = None
    tracking: Any = None


def register() -> None:
    """Makes the schema known to Hydra under the name that conf/config.yaml begins with."""
    ConfigStore.instance().store(name="root", node=Root)
