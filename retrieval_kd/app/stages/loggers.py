"""Lightning loggers that a stage opens, its training uses too, and the stage closes: rows in a file, or one more
tracker that is fed in the background.
"""

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pytorch_lightning.loggers import Logger

from retrieval_kd.app.stages.secrets import without_credentials
from retrieval_kd.io.atomic import atomic_write

_log = logging.getLogger(__name__)

PATIENCE = 30.0  # seconds that the end of a stage waits for a tracker
_lost: set[tuple[str, Path]] = set()  # (tracker, folder of artifacts) that this process goes on without


class StageLogger(Logger):
    """A logger that outlives the training: the Trainer's `finalize` ends nothing, the stage's `close` does."""

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """The artifact's config is known already; a training has no other."""

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """`step` is the optimiser step; final metrics have none."""

    def close(self, status: str) -> None:
        """The stage has ended, with `success` or `failed`, as Lightning calls it."""


class Silent(StageLogger):
    """Writes nothing."""


class JsonLines(StageLogger):
    """Appends each row as a JSON object to a file that may be there already.

    A stage that goes on from a saved state comes to steps again that a killed attempt had logged: with the first row of
    an attempt the rows from there on are cut, so that every step stands once; so is half a line, at which an attempt
    was killed, and what has no step, the final metrics of an attempt that was not sealed. Lightning's CSVLogger keeps
    rows in memory until it saves, and goes on behind what a killed attempt had logged: steps would stand twice.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._is_first = path, True

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Written and closed at once: a killed run keeps all rows but at most the last."""
        if self._is_first:
            _cut(self._path, step)
        self._is_first = False
        row = metrics if step is None else {"step": step, **metrics}
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row, default=float) + "\n")


def _cut(path: Path, step: int | None) -> None:
    """Leaves of the file the whole rows of steps before this one; of all steps where it is None."""
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    left = [row for row in rows if "step" in row and (step is None or row["step"] < step)]
    with atomic_write(path) as file:
        file.writelines(json.dumps(row) + "\n" for row in left)


class BackgroundLogger(StageLogger):
    """Feeds another logger from a thread of its own, so that a tracker that is slow or away neither stops nor slows a
    stage: it is warned of once, and this process goes on without it.

    `open_run(run)` makes the logger, of a run that was begun before, or (None) of a new one. What the logger was handed
    is noted in `folder` before it is handed over, since a tracker takes nothing back: a resumed stage goes on in its
    run behind the step that a killed attempt came to there. So no step is logged twice; a kill may cost the last rows.
    """

    def __init__(
        self, tracker: str, open_run: Callable[[str | None], Logger], *, folder: Path, config: dict[str, Any]
    ) -> None:
        self._tracker, self._open_run, self._config = tracker, open_run, config
        self._note, self._key = folder / f"tracker-{tracker}.json", (tracker, folder.parent)
        self._rows: SimpleQueue[tuple[dict[str, float], int | None] | str] = SimpleQueue()
        self._given_up = self._key in _lost
        self._thread = threading.Thread(target=self._feed, daemon=True, name=f"tracking-{tracker}")
        if not self._given_up:
            self._thread.start()

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        if not self._given_up:
            self._rows.put(({key: float(value) for key, value in metrics.items() if not isinstance(value, str)}, step))

    def close(self, status: str) -> None:
        """Waits until the tracker has everything, though not for long."""
        if self._given_up:
            return
        self._rows.put(status)
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            self._lose(f"it has not answered for {PATIENCE:g} s")

    def _feed(self) -> None:
        try:
            noted = json.loads(self._note.read_text(encoding="utf-8")) if self._note.exists() else {}
            logger = self._open_run(noted.get("run"))
            noted["run"], behind = str(logger.version), noted.get("step", -1)
            self._write(noted)
            logger.log_hyperparams(self._config)
            while isinstance(row := self._rows.get(), tuple) and not self._given_up:
                self._hand_over(logger, *row, noted, behind)
            if isinstance(row, str):
                logger.finalize(row)
        except Exception as error:  # whatever a tracker raises; what it says may hold an address with a password
            self._lose(f"{type(error).__name__}: {without_credentials(str(error)).strip().partition(chr(10))[0]}")

    def _hand_over(
        self, logger: Logger, row: dict[str, float], step: int | None, noted: dict[str, Any], behind: int
    ) -> None:
        if noted.get("ended") if step is None else step <= behind:
            return
        noted |= {"ended": True} if step is None else {"step": max(step, noted.get("step", -1))}
        self._write(noted)
        logger.log_metrics(row, step)

    def _write(self, noted: dict[str, Any]) -> None:
        """Whole or not at all; and nowhere, if the stage has not waited and its folder has another name by now."""
        part = self._note.with_name(f".{self._note.name}.part")
        part.write_text(json.dumps(noted), encoding="utf-8")
        os.replace(part, self._note)

    def _lose(self, why: str) -> None:
        self._given_up = True
        if self._key not in _lost:
            _lost.add(self._key)
            _log.warning(
                "tracking=%s is lost (%s); the run goes on without it, and metrics.jsonl has every row",
                self._tracker,
                why,
            )
