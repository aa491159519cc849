"""Where metrics go: always metrics.jsonl in the artifact, by a Lightning logger; W&B, TensorBoard or MLflow beside it
where asked. What they write lies beside the artifacts.
"""

import importlib.util
import logging
import os
from dataclasses import dataclass
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from uuid import uuid4

from retrieval_kd.app.stages.secrets import without_secrets
from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import at_home

if TYPE_CHECKING:  # Lightning costs a second, and a plan only looks at the options
    from pytorch_lightning.loggers import Logger

    from retrieval_kd.app.stages.loggers import StageLogger

_log = logging.getLogger(__name__)
_WANDB_MODES = ("offline", "online", "disabled", "shared", "dryrun", "run")  # that WANDB_MODE may say

_ANSWERS = 20  # seconds within which W&B answers, or is given up


@dataclass(frozen=True)
class RunInfo:
    """What is tracked: one artifact. `recipe` and `stage` are names, `kind` is train, mine, score or evaluate, `config`
    what the stage reads.
    """

    recipe: str
    stage: str
    kind: str
    artifact: str
    config: dict[str, Any]


class Files:
    """tracking=files: metrics.jsonl only."""

    def open(self, info: RunInfo, folder: Path) -> "list[StageLogger]":
        """The loggers of one artifact, which is made in `folder`."""
        from retrieval_kd.app.stages.loggers import JsonLines

        return [JsonLines(folder / "metrics.jsonl")]


class Tracker(Files):
    """metrics.jsonl and one of Lightning's own loggers, fed in the background."""

    def open(self, info: RunInfo, folder: Path) -> "list[StageLogger]":
        from retrieval_kd.app.stages.loggers import BackgroundLogger

        tracked = RunInfo(info.recipe, info.stage, info.kind, info.artifact, without_secrets(info.config))
        has_secrets = tracked != info

        def open_run(run: str | None) -> "Logger":
            return self.logger(tracked, folder.parent, run, has_secrets=has_secrets)

        name = type(self).__name__.lower()
        return [*super().open(info, folder), BackgroundLogger(name, open_run, folder=folder, config=tracked.config)]

    def logger(self, info: RunInfo, artifacts: Path, run: str | None, *, has_secrets: bool) -> "Logger":
        """The logger of a run that was begun before, or (None) of a new one. `has_secrets`: some were left out of the
        config, so the command line, which may hold them, must not be sent either.
        """
        raise NotImplementedError


class Wandb(Tracker):
    """tracking=wandb: one W&B run for each artifact, group = recipe, job_type = stage kind."""

    def __init__(self, *, mode: str, project: str, entity: str | None) -> None:
        if mode not in ("offline", "online"):
            raise UserError(f"tracking.mode={mode}: give offline or online")
        own = os.environ.get("WANDB_MODE", mode)
        if own not in _WANDB_MODES:
            raise UserError(f"WANDB_MODE={own} in the environment: give {', '.join(_WANDB_MODES)}, or unset it")
        if mode == "online" and not _has_wandb_key():
            raise UserError("tracking.mode=online: W&B has no API key here; run `wandb login`, or set WANDB_API_KEY")
        self._mode, self._project, self._entity = mode, project, entity

    def logger(self, info: RunInfo, artifacts: Path, run: str | None, *, has_secrets: bool) -> "Logger":
        os.environ.setdefault("WANDB_SILENT", "true")  # of what it says before there is a run

        import wandb

        from retrieval_kd.app.stages.lightning_loggers import FinishingWandbLogger

        begun = wandb.init(
            project=self._project,
            entity=self._entity,
            mode=self._mode,  # type: ignore[arg-type]
            group=info.recipe,
            job_type=info.kind,
            name=f"{info.recipe}/{info.stage}",
            id=run or uuid4().hex[:12],
            resume="allow",
            dir=os.fspath(artifacts),
            reinit="create_new",  # a run that is not done uploading is another artifact's
            settings=wandb.Settings(
                silent=True,
                init_timeout=_ANSWERS,
                finish_timeout=_ANSWERS,
                finish_timeout_raises=True,
                x_disable_meta=has_secrets,
            ),
        )
        if self._mode == "online":
            _log.info("W&B: %s", begun.url)
        return FinishingWandbLogger(experiment=begun, id=begun.id)


class TensorBoard(Tracker):
    """tracking=tensorboard: one run for each artifact, named recipe/stage; `folder` None: tensorboard/ beside the
    artifacts.
    """

    def __init__(self, *, folder: str | None) -> None:
        _require("tensorboard", extra="tensorboard")
        self._folder = folder

    def logger(self, info: RunInfo, artifacts: Path, run: str | None, *, has_secrets: bool) -> "Logger":
        from pytorch_lightning.loggers import TensorBoardLogger

        folder = at_home(self._folder) if self._folder else artifacts / "tensorboard"
        version = run or f"{info.artifact}-{uuid4().hex[:4]}"
        return TensorBoardLogger(folder, name=f"{info.recipe}/{info.stage}", version=version, default_hp_metric=False)


class MLflow(Tracker):
    """tracking=mlflow: one run for each artifact in `experiment`, named recipe/stage; `uri` None: a database of one
    file, mlflow.db, beside the artifacts.
    """

    def __init__(self, *, uri: str | None, experiment: str) -> None:
        _require("mlflow", extra="mlflow")
        self._uri, self._experiment = uri, experiment

    def logger(self, info: RunInfo, artifacts: Path, run: str | None, *, has_secrets: bool) -> "Logger":
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent that nobody asked for
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        for talkative in ("mlflow", "alembic", "pytorch_lightning.loggers.mlflow", "urllib3.connectionpool"):
            logging.getLogger(talkative).setLevel(logging.ERROR)

        from retrieval_kd.app.stages.lightning_loggers import RenamingMLFlowLogger

        return RenamingMLFlowLogger(
            experiment_name=self._experiment,
            run_name=f"{info.recipe}/{info.stage}",
            tracking_uri=self._uri or f"sqlite:///{artifacts.resolve()}/mlflow.db",
            artifact_location=None if self._uri else (artifacts.resolve() / "mlflow").as_uri(),
            tags={"recipe": info.recipe, "kind": info.kind, "artifact": info.artifact},
            run_id=run,
        )


def _require(module: str, *, extra: str) -> None:
    """Raises UserError where an extra of this package is not installed."""
    if importlib.util.find_spec(module) is None:
        raise UserError(f"tracking={extra} needs the package {module}: pip install 'retrieval_kd[{extra}]'")


def _has_wandb_key() -> bool:
    """Whether W&B can log in without asking, which a background run cannot answer."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    for path in filter(None, (os.environ.get("NETRC"), "~/.netrc", "~/_netrc")):
        try:
            if netrc(os.path.expanduser(path)).authenticators(host):
                return True
        except (OSError, NetrcParseError):
            continue
    return False
