"""Stages of the recipes as they are written, with planted teachers, lists and starts in the place of earlier stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.cli.conf_folder import conf_folder
from retrieval_kd.app.cli.schema import register
from retrieval_kd.app.execute.run_stage import function_at
from retrieval_kd.app.plan import artifact_references
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.stages.open_scorers import open_scorer
from retrieval_kd.app.stages.work import Work
from retrieval_kd.measures.evaluate import evaluate as measured
from retrieval_kd.ranking.rerank import Rescoring
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.run import Run
from tests.contracts.options import option
from tests.planted import planted_backbone
from tests.recipes.secret import Secret, write_secret

KIND = {"dual": "dual", "colbert": "late", "cross_encoder": "cross"}  # of an option of student=


@dataclass
class Classroom:
    """A planted secret, a backbone that knows nothing, teachers trained when first asked for."""

    folder: Path
    secret: Secret
    backbone: Path
    options: Options
    taught: dict[str, Path] = field(default_factory=dict)
    made: int = 0

    @classmethod
    def open(cls, folder: Path) -> "Classroom":
        secret = write_secret(folder)
        register()
        return cls(folder, secret, planted_backbone(folder / "backbone", secret.student), Options())

    @property
    def start(self) -> Path:
        """A dual encoder as it begins, saved: what a recipe's warm-up would have made."""
        if "start" not in self.taught:
            node = {**option("scorer", "dual"), "backbone": str(self.backbone)}
            open_scorer(node, seed=0).save(self.folder / "start")
            self.taught["start"] = self.folder / "start"
        return self.taught["start"]

    def corpus(self, folder: Path) -> Corpus:
        return open_corpus(Beir(path=folder, drop_same_id=False), self.folder / "artifacts")

    def plan(self, *words: str) -> Plan:
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            return checked_plan(
                [*words, "corpus=beir", "machine=cpu", "optim.clip=null", "student.layers=null"], self.options
            )

    def perform(self, plan: Plan, stage: str, given: Mapping[str, Path]) -> tuple[dict[str, Any], Path]:
        """(metrics, folder) of a stage in which `given` stands for what earlier stages made."""
        self.made += 1
        work = Work(self.folder / f"{self.made}-{stage}", self.folder / "artifacts", machine=plan.machine)
        work.folder.mkdir()
        config = artifact_references.replaced(plan.named(stage).config, lambda name, _: str(given[name]))
        function = function_at(plan.named(stage).kind.function)
        return function(OmegaConf.create(config), work), work.folder

    def teacher(self, student: str) -> Path:
        """A teacher of this kind (an option of student=) that knows the secret; made once. The cross-encoder starts
        from the dual teacher's words, since from nothing it would need minutes.
        """
        if student not in self.taught:
            cross = student == "cross_encoder"
            words = ["loss=contrastive_list", "optim.steps=200", "data.negatives=7", "ranker=rerank"]
            words = words if cross else ["loss=contrastive", "optim.steps=60", "data.negatives=3"]
            plan = self.plan(
                *("experiment=distil", f"student={student}", "teacher=none", *words, "optim.lr=5e-3"),
                *([] if student != "colbert" else ["ranker=late"]),
                *(f"corpus.path={self.secret.teacher}", f"data.candidates={self.secret.teacher_lists}", "data.last=60"),
                f"student.backbone={self.teacher('dual') if cross else self.backbone}",
            )
            self.taught[student] = self.perform(plan, "train", {})[1] / "payload" / "student"
        return self.taught[student]

    def quality(self, student: str) -> float:
        """nDCG@10 of a teacher on the test queries, over the whole collection."""
        corpus = self.corpus(self.secret.teacher)
        scorer = open_scorer({**option("scorer", KIND[student]), "checkpoint": str(self.teacher(student))}, seed=0)
        every = Run.of({name: [(passage, 0.0) for passage in corpus.collection] for name in corpus.splits["test"]})
        where = {"artifacts": self.folder / "artifacts", "tokens_per_group": 4096}
        run = Rescoring(every, scorer, corpus.queries, corpus.collection, **where).scored()
        return measured(run, corpus.judgments, ["nDCG@10"], queries=corpus.splits["test"]).means["nDCG@10"]

    def student(self, stages: Sequence[str], given: Mapping[str, Path], *words: str) -> float:
        """nDCG@10 on the test queries of a student trained by these stages in turn, each from where the one before
        ended.
        """
        unjudged = ["corpus.unjudged=true"] if "data.unjudged=true" in words else []
        plan = self.plan(f"corpus.path={self.secret.student}", *unjudged, *words)
        last = self.start
        for stage in stages:
            starts = dict.fromkeys(("warm_up", "self_otf", "from_cross", *stages), last)
            last = self.perform(plan, stage, {**given, **starts})[1] / "payload" / "student"
        end = "evaluate" if any(stage.name == "evaluate" for stage in plan.stages) else "student"
        named = dict.fromkeys(artifact_references.inputs(plan.named(end).config), last)
        return float(self.perform(plan, end, named)[0]["test"]["nDCG@10"])
