"""A sealed artifact as a plain object: what made it, what it measured, and where its runs and scorers lie."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.execute.verify import damage_with_remedy
from retrieval_kd.app.stages.load_scorer import load, saved_roles
from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import at_home
from retrieval_kd.text.run import Run

if TYPE_CHECKING:
    from retrieval_kd.scorers.text_scorer import TextScorer

_RUN = "run.trec"


@dataclass(frozen=True)
class Artifact:
    """What a stage made. `kind` is train, mine, score or evaluate; `stage` and `recipe` are the names it was made
    under; `config` is all that the stage read; `inputs` maps stages to the artifacts that it read; `runs` maps roles to
    run files ("" where there is one alone) and `scorers` roles to folders of saved scorers. `plugins` are the packages
    whose classes `scorer` may open: whoever opens the artifact names them, never the artifact.
    """

    folder: Path
    kind: str
    stage: str
    recipe: str
    key: str
    config: Mapping[str, Any] = field(repr=False)
    inputs: Mapping[str, Path] = field(repr=False)
    metrics: Mapping[str, Any] = field(repr=False)
    runs: Mapping[str, Path] = field(repr=False)
    scorers: Mapping[str, Path] = field(repr=False)
    plugins: tuple[str, ...] = ()

    def run(self, role: str = "") -> Run:
        """The ranked lists that it holds. Raises UserError where it holds none, or none of this role."""
        return Run.read(self._of(self.runs, role, "run"))

    def scorer(self, role: str = "student", *, accelerator: str = "auto") -> "TextScorer":
        """A scorer that it trained or names, ready to encode and score. Raises UserError where there is none of this
        role, or its class is of a package that `plugins` does not name.
        """
        return load(self._of(self.scorers, role, "scorer"), accelerator=accelerator, plugins=self.plugins)

    def _of(self, there: Mapping[str, Path], role: str, what: str) -> Path:
        if role in there:
            return there[role]
        roles = ", ".join(name or "the only one, without a role" for name in there)
        raise UserError(
            f"{self.folder.name}: no {what} of {role or 'no role'}; there are: {roles}"
            if there
            else f"{self.folder.name}: a {self.kind} artifact holds no {what}"
        )


def open_artifact(folder: Path | str, *, plugins: Sequence[str] = ()) -> Artifact:
    """The artifact in a folder. Nothing of its config is built, so that no code runs but this package's. Raises
    UserError where there is none, it was not sealed, or files that it lists are gone or changed.

    >>> from retrieval_kd import open_artifact, run
    >>> made = run(["corpus=beir", f"corpus.path={collection}", "stage=bm25"])
    >>> artifact = open_artifact(made["bm25"].folder)
    >>> artifact.kind, artifact.stage, artifact.config["ranker"]["_target_"]
    ('evaluate', 'bm25', 'retrieval_kd.ranking.lexical.BM25')
    >>> artifact.metrics["test"]["RR@10"], sorted(artifact.run().lists)
    (1.0, ['q3', 'q4', 'q5'])
    >>> artifact.scorers
    {}
    """
    place = at_home(folder)
    _refuse_unsealed(place)
    if damage := damage_with_remedy(place):
        raise UserError(damage)
    stage = artifacts.read_manifest(place)["stage"]
    config: Any = OmegaConf.to_container(OmegaConf.load(place / "config.yaml"))
    return Artifact(
        folder=place,
        kind=stage["run"],
        stage=stage["name"],
        recipe=stage["recipe"],
        key=stage["key"],
        config=config,
        inputs={name: place.parent / other for name, other in _json(place / "inputs.json").items()},
        metrics=artifacts.metrics(place),
        runs=_runs(place),
        scorers=_scorers(place / "payload"),
        plugins=tuple(plugins),
    )


def _refuse_unsealed(place: Path) -> None:
    if not place.is_dir():
        raise UserError(
            f"{place}: there is no such folder; give an artifact's, as in open_artifact('artifacts/train-…')"
        )
    if place.suffix == ".part":
        raise UserError(f"{place} is being made and is not sealed; run its recipe to the end, and open {place.stem}")
    if not (place / artifacts.MANIFEST).exists():
        raise UserError(
            f"{place} holds no {artifacts.MANIFEST}, so it is no artifact; give a folder as artifacts/<kind>-<key>"
        )


def _runs(place: Path) -> dict[str, Path]:
    """role → run; that of a stage that makes one alone under no role."""
    whole = [path for path in (place / _RUN, place / "payload" / _RUN) if path.exists()]
    return {"": whole[0]} if whole else {path.parent.name: path for path in sorted(place.glob(f"*/{_RUN}"))}


def _scorers(payload: Path) -> dict[str, Path]:
    """role → folder, of the scorers that a training saved, and of those it read where they lie."""
    folders = {role: saved["folder"] for role, saved in saved_roles(payload).items()}
    return {role: payload / folder for role, folder in folders.items() if folder}  # an absolute folder stays one


def _json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
