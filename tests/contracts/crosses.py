"""Every teacher with every loss, every loss with every curriculum and every data: what runs, and what is refused why.

`python -m tests.contracts.crosses` writes the table that is committed beside this file.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.cli.process_env import ranks
from retrieval_kd.app.cli.schema import register
from retrieval_kd.app.cli.user_errors import sentences_of
from retrieval_kd.app.execute.execute_plan import execute_plan
from retrieval_kd.app.execute.launch import Launch
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.encoders import weights
from retrieval_kd.errors import UserError
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.corpus import open_corpus
from retrieval_kd.text.run import Run
from tests.contracts.options import CONF, names
from tests.planted import planted_backbone, write_planted

TABLE = Path(__file__).with_suffix(".md")
RUNS = "runs"
# what an option is told besides its name, and which teacher stands beside a loss where the other axis is looked at
BESIDE = {
    "stored": ["teacher.stored.file={scores}"],
    "cascade": ["student.dropout=0.1"],  # whose echo is another reading by dropout alone
    "false_negatives": ["data.negatives=4"],  # of which one always stays
}
FITS = {
    "tight_coupling": "colbert",
    "self_otf": "colbert",
    "layers": "colbert",
    "cascade": "cascade",
    "progressive": "cross_and_previous",
    "aligned": "dual",
}
ELSE = "cross_encoder"
AXES = (("teacher", "loss"), ("loss", "curriculum"), ("data", "loss"))


class Place:
    """A folder with the planted collection, a small backbone in the default one's place, and shared artifacts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.planted = folder, write_planted(folder / "beir")
        self.backbone = planted_backbone(folder / "six", self.planted, layers=6, dim=16)
        self.words = [
            *("experiment=distil", "corpus=beir", f"corpus.path={self.planted}", f"artifacts={folder / 'artifacts'}"),
            *("optim.steps=2", "data.queries_per_step=4", "mining.last=40", "machine=cpu"),
        ]

    def scores(self) -> Path:
        """A file with a score for every passage of every training query."""
        path = self.folder / "scores.trec"
        if not path.exists():
            source = Beir(path=self.planted, drop_same_id=False, dev_fraction=0.1, seed=0, unjudged=False)
            corpus = open_corpus(source, self.folder / "artifacts")
            lists = {
                name: [
                    (passage, float((len(name) * 7 + number) % 11)) for number, passage in enumerate(corpus.collection)
                ]
                for name in corpus.splits["train"]
            }
            Run.of(lists).write(path)
        return path

    def verdict(self, words: Sequence[str], options: Options) -> str:
        """`runs` after two steps of training, or the refusal."""
        given = [word.format(scores=self.scores()) for word in words]
        try:
            plan = checked_plan([*self.words, *given], options)
        except UserError as error:
            refusals = sentences_of(error)
            unread = [
                word for word in given if any(refusal.startswith(f"{word} has no effect") for refusal in refusals)
            ]
            if unread:  # a file that nobody reads need not be given
                return self.verdict([word for word in given if word not in unread], options)
            return "refused: " + " · ".join(refusals)
        train_alone(plan)
        return RUNS


def train_alone(plan: Plan) -> None:
    """Makes the plan's `train` stage, and before it what that reads."""
    needed = {"train"}
    for stage in reversed(plan.stages):
        needed |= set(stage.inputs) if stage.name in needed else set()
    for stage in plan.stages:
        if stage.name in needed:
            one = replace(plan, stage=stage.name)
            execute_plan(one, Launch(ranks(), one.artifacts))


def pairs(axis: tuple[str, str]) -> list[tuple[str, str]]:
    """Every pair of options of two groups; a paper's own options are a recipe's business."""
    first, second = ([name for name in names(group) if "/" not in name] for group in axis)
    return [(one, other) for one in first for other in second]


def words_of(axis: tuple[str, str], pair: tuple[str, str]) -> list[str]:
    """The pair as words, with a teacher that has the loss' roles."""
    chosen = dict(zip(axis, pair, strict=True))
    teacher = chosen.get("teacher") or FITS.get(chosen["loss"], ELSE)
    listed = {**chosen, "teacher": teacher}
    beside = dict.fromkeys(word for name in listed.values() for word in BESIDE.get(name, []))
    return [*(f"{group}={name}" for group, name in listed.items()), *beside]


def table(axes: Sequence[tuple[str, str]] = AXES) -> Iterator[str]:
    """The lines of the committed table."""
    register()
    GlobalHydra.instance().clear()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        with (
            patch.object(weights, "_minilm", lambda: place.backbone),
            initialize_config_dir(str(CONF), version_base="1.3"),
        ):
            options = Options()
            for axis in axes:
                yield from section(axis, place, options)


def section(axis: tuple[str, str], place: Place, options: Options) -> Iterator[str]:
    """One axis as a Markdown table."""
    yield f"## {axis[0]} × {axis[1]}"
    yield ""
    yield f"| {axis[0]} | {axis[1]} | |"
    yield "|---|---|---|"
    for pair in pairs(axis):
        with redirect_stdout(StringIO()):
            verdict = place.verdict(words_of(axis, pair), options)
        yield f"| {pair[0]} | {pair[1]} | {verdict} |"
    yield ""


if __name__ == "__main__":
    TABLE.write_text("# What crosses with what\n\n" + "\n".join(table()), encoding="utf-8")
