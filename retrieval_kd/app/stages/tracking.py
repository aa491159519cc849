"""Where metrics go: always metrics.jsonl in the artifact; W&B beside it where asked."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import atomic_write

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Takes rows of metrics and the final ones."""

    def log(self, row: dict[str, Any]) -> None:
        """One row; `step` among its values, if it has one, is the optimiser step."""

    def finish(self, metrics: dict[str, Any] | None) -> None:
        """The stage is done with these metrics, or ended early (None)."""


@dataclass(frozen=True)
class Subject:
    """What is being tracked: one artifact. `recipe` and `stage` are names, `config` what the verb reads."""

    recipe: str
    stage: str
    run: str
    artifact: str
    config: dict[str, Any]


class JsonLines:
    """Appends each row as a JSON object to a file that may be there already.

    A stage that goes on from a saved state comes to steps again that a killed attempt had logged: the rows from there
    on are cut, so that every step stands once. Half a line, at which an attempt was killed, is cut too.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._rows = path, _whole_rows(path)
        self.last = max((row["step"] for row in self._rows if "step" in row), default=-1)

    def log(self, row: dict[str, Any]) -> None:
        """Written and closed at once: a killed run keeps all rows but at most the last."""
        if row.get("step", self.last + 1) <= self.last:
            self._rows = [kept for kept in self._rows if kept.get("step", -1) < row["step"]]
            _write_rows(self._path, self._rows)
        self.last = row.get("step", self.last)
        self._rows.append(row)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row, default=float) + "\n")

    def finish(self, metrics: dict[str, Any] | None) -> None:
        """The final metrics have their own file."""


def _whole_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of the file, which has no half line after that; none where it is not there."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    if not text.endswith("\n"):
        _write_rows(path, rows)
    return rows


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    with atomic_write(path) as file:
        file.writelines(json.dumps(row, default=float) + "\n" for row in rows)


class Files:
    """tracking=files: metrics.jsonl only."""

    def follow(self, subject: Subject, folder: Path) -> list[Sink]:
        """The sinks of one artifact, which is made in `folder`."""
        return [JsonLines(folder / "metrics.jsonl")]


class Wandb:
    """tracking=wandb: one W&B run for each artifact, group = recipe, job_type = verb."""

    def __init__(self, *, mode: str, project: str, entity: str | None) -> None:
        if mode not in ("offline", "online"):
            raise UserError(f"tracking.mode={mode}: give offline or online")
        self._mode, self._project, self._entity = mode, project, entity

    def follow(self, subject: Subject, folder: Path) -> list[Sink]:
        """The sinks of one artifact; a resumed one goes on in its own run, behind what that has. W&B's files lie beside
        the artifacts.
        """
        import wandb

        lines, resumed = JsonLines(folder / "metrics.jsonl"), (folder / "wandb_id").exists()
        run = wandb.init(
            project=self._project,
            entity=self._entity,
            mode=self._mode,  # type: ignore[arg-type]
            group=subject.recipe,
            job_type=subject.run,
            name=f"{subject.recipe}/{subject.stage}",
            id=_run_id(folder),
            resume="allow",
            config=subject.config,
            dir=os.fspath(folder.parent),
            reinit="finish_previous",
            settings=wandb.Settings(silent=True),
        )
        if self._mode == "online":
            _log.info("W&B: %s", run.url)
        return [lines, _WandbRun(run, behind=lines.last if resumed else -1)]


def _run_id(folder: Path) -> str:
    """The run's id, kept in the artifact: a resumed stage goes on in its run, one made afresh gets another."""
    path = folder / "wandb_id"
    if not path.exists():
        path.write_text(uuid4().hex[:12], encoding="utf-8")
    return path.read_text(encoding="utf-8")


class _WandbRun:
    """A run of W&B, which takes nothing back: what a killed attempt logged up to step `behind` is not logged again."""

    def __init__(self, run: Any, *, behind: int = -1) -> None:
        self._run, self._behind = run, behind

    def log(self, row: dict[str, Any]) -> None:
        if row.get("step", self._behind + 1) <= self._behind:
            return
        values = {key: value for key, value in row.items() if key != "step"}
        self._run.log(values, step=row.get("step"))

    def finish(self, metrics: dict[str, Any] | None) -> None:
        self._run.summary.update(dict(_flat(metrics or {})))
        self._run.finish(exit_code=0 if metrics is not None else 1)


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """test/nDCG@10 for {test: {nDCG@10: …}}."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value
