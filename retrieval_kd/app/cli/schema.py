"""The root of the configuration: its keys, their types, and the names that the rest of app/ agrees on."""

from dataclasses import dataclass, field
from typing import Any, Literal

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from retrieval_kd.text.lines import at_home

GROUPS = (
    "corpus",
    "student",
    "teacher",
    "loss",
    "curriculum",
    "data",
    "ranker",
    "mining",
    "evaluation",
    "optim",
    "callbacks",
)
HALVES = {"bf16-mixed": "bfloat16", "16-mixed": "float16"}  # what `precision` may say, and the type of torch
EVERYWHERE = "any"  # `+at.any.<key>` is an override for every stage: how a key that only some stages have passes Hydra


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
    plugins: list[str] = field(default_factory=list)
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
    callbacks: dict[str, Any] = field(default_factory=dict)
    machine: Any = None
    tracking: Any = None


@dataclass
class Evaluation:
    """What the group `evaluation` holds, which nothing is built from."""

    whom: str
    splits: list[str]
    measures: list[str]
    depth: int
    exhaustive: int
    candidates_per_query: int
    candidates: Any = None


@dataclass
class Machine:
    """What the group `machine` holds, which nothing is built from."""

    accelerator: str
    devices: int
    nodes: int
    workers: int
    threads: int | None
    remember: bool
    fused: bool
    compile: bool
    trainer: dict[str, Any]


@dataclass
class TrainerOptions:
    """What `machine.trainer` holds: arguments of Lightning's Trainer that change nothing of what is learned."""

    log_every_n_steps: int
    profiler: Literal["simple", "advanced", "pytorch"] | None
    detect_anomaly: bool
    deterministic: Literal["warn"] | bool | None
    benchmark: bool | None


_NOT_BUILT = {"evaluation": Evaluation, "machine": Machine, "machine.trainer": TrainerOptions}
FORMS = {key: f"{__name__}.{form.__name__}" for key, form in _NOT_BUILT.items()}
ROOT = f"{__name__}.{Root.__name__}"


def register() -> None:
    """Makes the schema known to Hydra under the name that conf/config.yaml begins with, and `${at_home:path}`."""
    OmegaConf.register_new_resolver("at_home", lambda path: str(at_home(path)), replace=True)
    ConfigStore.instance().store(name="root", node=Root)
