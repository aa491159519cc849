"""The kinds of stages: each is declared here once, and whoever plans, checks or runs a stage reads its declaration."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from retrieval_kd.app.plan import class_facts, roles
from retrieval_kd.app.plan.instantiate import targets

Config = dict[str, Any]
OF_TEACHERS = ("candidates", "candidates_per_query", "exhaustive")  # of evaluation: how teachers are ranked


@dataclass(frozen=True)
class StageKind:
    """What stages of one kind do, and what of a config makes their key.

    `function` is where the function stands that does it, `module:name`: `(config, work) -> metrics`. `helper`:
    `(config, work) -> None`, what other processes do of it meanwhile; none where every process runs the function itself
    (as DDP does). `reads` names the groups and values of a config that make the key and are handed to the function,
    `prune` leaves out what it does not read of them in this config. `makes` is the place in the artifact of what later
    stages read, `{role}` the scorer that they ask for. `revision` is raised whenever numbers may change.
    """

    name: str
    function: str
    helper: str | None
    reads: tuple[str, ...]
    prune: Callable[[Config, Config], Config]
    makes: str
    revision: int

    @property
    def trains(self) -> bool:
        """Whether it trains scorers."""
        return "loss" in self.reads

    @property
    def ranks(self) -> bool:
        """Whether it ranks a collection by the config's ranker."""
        return "ranker" in self.reads

    @property
    def mines(self) -> bool:
        """Whether it selects candidates to train on."""
        return "mining" in self.reads

    @property
    def rescores(self) -> bool:
        """Whether it gives the lists that data names other scores."""
        return "data" in self.reads and not self.trains

    @property
    def evaluates(self) -> bool:
        """Whether it measures how good a ranking is."""
        return "evaluation" in self.reads

    def read_of(self, config: Config) -> Config:
        """What it reads of a resolved config: roles, students and teachers that it does not read are left out."""
        return self.prune({key: config[key] for key in self.reads if config.get(key) is not None}, config)


def whom(config: Config) -> str:
    """Whom an evaluation judges: student, or teacher for every scorer of a train artifact's teacher group."""
    return str((config.get("evaluation") or {}).get("whom", "student"))


def _prune_train(read: Config, config: Config) -> Config:
    """Of the teachers, those that the loss or the curriculum names."""
    wanted = roles.read(config)
    return {**read, "teacher": {role: node for role, node in roles.group(config).items() if role in wanted}}


def _prune_ranker(read: Config, config: Config) -> Config:
    """A ranker that reads no scorer leaves the student out."""
    if "ranker" in read and not _ranks_by_a_scorer(read):
        read = {key: node for key, node in read.items() if key not in ("student", "precision")}
    return read | _tower(read, config)


def _prune_score(read: Config, config: Config) -> Config:
    """The teacher scores, or the student where there is none; of data its lists are read."""
    other = "student" if roles.group(config) else "teacher"
    lists = {"candidates": (config.get("data") or {}).get("candidates")}
    return {key: node for key, node in read.items() if key != other} | {"data": lists}


def _prune_evaluate(read: Config, config: Config) -> Config:
    """Teachers are those of the student's checkpoint, each with its own ranker; the student needs none of theirs."""
    if whom(config) == "teacher":
        start = {"checkpoint": (config.get("student") or {}).get("checkpoint")}
        return _prune_ranker({key: node for key, node in read.items() if key != "ranker"} | {"student": start}, config)
    own = {key: value for key, value in read["evaluation"].items() if key not in OF_TEACHERS}
    return _prune_ranker(read | {"evaluation": own}, config)


def _ranks_by_a_scorer(config: Config) -> bool:
    """Whether the ranker or one inside it reads a scorer."""
    return any(class_facts.texts(target, "ranks_by") for _, target in targets(config.get("ranker") or {}))


def _tower(read: Config, config: Config) -> Config:
    """The teacher that reads the passages of a student with no tower of its own for them: one that was never saved."""
    role = roles.passages_of(read)
    wanted = role is not None and read["student"].get("checkpoint") is None
    there = {name: node for name, node in roles.group(config).items() if wanted and name == role}
    return {"teacher": there} if there else {}


_KINDS = (
    StageKind(
        name="train",
        function="retrieval_kd.app.stages.train:train",
        helper=None,
        reads=("seed", "corpus", "student", "teacher", "loss", "curriculum", "data", "optim", "callbacks"),
        prune=_prune_train,
        makes="payload/{role}",
        revision=5,
    ),
    StageKind(
        name="mine",
        function="retrieval_kd.app.stages.mine:mine",
        helper="retrieval_kd.app.stages.mine:assist",
        reads=("precision", "corpus", "ranker", "mining", "student"),
        prune=_prune_ranker,
        makes="payload/run.trec",
        revision=3,
    ),
    StageKind(
        name="score",
        function="retrieval_kd.app.stages.score:score",
        helper="retrieval_kd.app.stages.score:assist",
        reads=("precision", "corpus", "student", "teacher", "data"),
        prune=_prune_score,
        makes="payload/run.trec",
        revision=2,
    ),
    StageKind(
        name="evaluate",
        function="retrieval_kd.app.stages.evaluate:evaluate",
        helper="retrieval_kd.app.stages.evaluate:assist",
        reads=("precision", "corpus", "ranker", "evaluation", "student"),
        prune=_prune_evaluate,
        makes="run.trec",
        revision=3,
    ),
)
KINDS = {kind.name: kind for kind in _KINDS}
