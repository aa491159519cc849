"""A training of a few steps over the planted collection, put together from the options as the train stage does it."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from torch import Tensor

from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.roles import with_roles_named
from retrieval_kd.app.stages.open_scorers import open_all
from retrieval_kd.app.stages.score_files import stored_scores
from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.lists import Data
from retrieval_kd.curricula.curriculum import Curriculum
from retrieval_kd.distil.datamodule import ListsDataModule
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.distil.fit import fit
from retrieval_kd.distil.optimise import OptimConfig
from retrieval_kd.losses.objective import Objective
from retrieval_kd.scorers.scorer import Scorer
from retrieval_kd.text.corpus import Corpus
from retrieval_kd.text.run import Run
from tests.contracts.options import option
from tests.planted import planted_backbone, planted_corpus, shuffled_run

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Ground:
    """What every training stands on: a corpus, a run over its train queries, a backbone, a folder for all else."""

    corpus: Corpus
    candidates: Path
    backbone: Path
    artifacts: Path


def planted_ground(folder: Path) -> Ground:
    """The planted collection, ten unhelpful candidates a query, and two layers of 32 components."""
    corpus = planted_corpus(folder)
    backbone = planted_backbone(folder / "backbone", folder / "beir")
    run = shuffled_run(corpus, corpus.splits["train"], depth=10)
    run.write(folder / "candidates.trec")
    return Ground(corpus, folder / "candidates.trec", backbone, folder / "artifacts")


def scorer_node(ground: Ground, kind: str, **values: Any) -> dict[str, Any]:
    """An option of conf/scorer over the small backbone."""
    return {**option("scorer", kind), "backbone": str(ground.backbone), **values}


def stored_node(path: Path, **values: Any) -> dict[str, Any]:
    """The stored teacher, from a file."""
    return {**option("teacher", "stored")["stored"], "file": str(path), **values}


def loss_node(name: str, teachers: Node) -> dict[str, Any]:
    """An option of conf/loss in which the word `teacher` has become the only role there is."""
    node: dict[str, Any] = with_roles_named({"loss": option("loss", name), "teacher": dict(teachers)})["loss"]
    return node


def objective(loss: str | Node | Objective, teachers: Node) -> Objective:
    """An option of conf/loss or a node, built; an objective is one already."""
    if isinstance(loss, Objective):
        return loss
    built = build(loss_node(loss, teachers) if isinstance(loss, str) else loss, "loss")
    assert isinstance(built, Objective)
    return built


def adamw(**values: Any) -> OptimConfig:
    """conf/optim/adamw.yaml, three steps long."""
    built = build({**option("optim", "adamw"), "steps": 3, **values}, "optim")
    assert isinstance(built, OptimConfig)
    return built


def data(ground: Ground, **values: Any) -> Data:
    """conf/data/sampled.yaml, four queries a step."""
    node = {**option("data", "sampled"), "candidates": str(ground.candidates), "queries_per_step": 4, "last": 10}
    built = build({**node, **values}, "data")
    assert isinstance(built, Data)
    return built


def curriculum(name: str = "constant") -> Curriculum:
    """An option of conf/curriculum, built."""
    built = build(option("curriculum", name), "curriculum")
    assert isinstance(built, Curriculum)
    return built


def distiller(
    loss: str | Node | Objective,
    student: Node,
    teachers: Node | None = None,
    *,
    optim: OptimConfig | None = None,
    seed: int = 0,
    kind: type[Distiller] = Distiller,
    taught_by: Curriculum | None = None,
) -> Distiller:
    """The scorers of all roles, opened as the train stage opens them, under an objective and a curriculum."""
    teachers = teachers or {}
    aim = objective(loss, teachers)
    roles = {"student", *teachers}  # a frozen head may be noise here, where nobody is to learn anything
    scorers: Mapping[str, Scorer] = open_all(student, teachers, tied=aim.tied, learners=roles, seed=seed)
    return kind(scorers, objective=aim, curriculum=taught_by or curriculum(), optim=optim or adamw(), seed=seed)


def lists(
    ground: Ground,
    module: Distiller,
    folder: Path,
    *,
    seed: int = 0,
    workers: int = 0,
    mine: Callable[[], Run] | None = None,
    on_new_run: Callable[[Run], None] | None = None,
    **values: Any,
) -> ListsDataModule:
    """The data module of a distiller; `values` go into the data option."""
    folder.mkdir(parents=True, exist_ok=True)
    return ListsDataModule(
        ground.corpus,
        data(ground, **values),
        forms=list(dict.fromkeys(form for one in module.scorers.values() for form in one.tokenisations())),
        seed=seed,
        steps=module.optim.steps,
        artifacts=ground.artifacts,
        folder=folder,
        workers=workers,
        scores=stored_scores({role: module.scorer(role) for role in module.scorers}),
        mine=mine,
        on_new_run=on_new_run,
    )


def batch(ground: Ground, module: Distiller, folder: Path, *, step: int = 0, **values: Any) -> Candidates:
    """One step's batch."""
    return lists(ground, module, folder, **values).collate()(step)


def loss_of(module: Distiller, batch: Candidates) -> Tensor:
    """A step's loss, outside a Trainer: what is logged goes nowhere."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are trying to `self.log")
        return module.training_step(batch)


def train(
    ground: Ground,
    module: Distiller,
    folder: Path,
    *,
    save_every: int = 100,
    devices: int = 1,
    tell: Callable[[str], None] | None = None,
    loggers: Sequence[Logger] = (),
    callbacks: Sequence[Callback] = (),
    options: Mapping[str, Any] | None = None,
    **values: Any,
) -> None:
    """Trains to the end, in `folder`; `values` go into `lists`."""
    fit(
        module,
        lists(ground, module, folder, **values),
        folder=folder,
        save_every=save_every,
        loggers=loggers,
        callbacks=callbacks,
        options=options,
        accelerator="cpu",
        devices=devices,
        progress=False,
        tell=tell,
    )


def weights(module: Distiller) -> dict[str, Tensor]:
    """A copy of every parameter by name, a shared one under its first name."""
    return {name: value.detach().clone() for name, value in module.named_parameters()}
