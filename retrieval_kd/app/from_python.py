"""What a Python caller calls: a plan, and a run of it, of the overrides that the command line takes."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra

from retrieval_kd.app.cli.arguments import line
from retrieval_kd.app.cli.schema import register
from retrieval_kd.app.execute.artifacts import is_sealed
from retrieval_kd.app.execute.open_artifact import Artifact, open_artifact
from retrieval_kd.app.jobs import planned
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.run_plan import make_artifacts
from retrieval_kd.errors import UserError

_log = logging.getLogger(__name__)


def plan(overrides: Sequence[str], *, config_dir: Path | str | None = None) -> Plan:
    """The checked plan of a list of overrides, as the command line takes them; `config_dir` is a folder with option
    files of yours. Nothing is made. Raises UserError with all that is wrong with it.

    >>> from retrieval_kd import plan
    >>> made = plan(["experiment=baseline", "corpus=beir", f"corpus.path={collection}", "optim.steps=20"])
    >>> [stage.name for stage in made.stages]
    ['lexical', 'warm_up', 'start', 'mined', 'again', 'evaluate']
    >>> made.named("again").config["optim"]["steps"]
    20
    >>> plan(["optim.stepz=20"])
    Traceback (most recent call last):
    retrieval_kd.app.cli.user_errors.UserErrors: optim.stepz=20: there is no key optim.stepz; did you mean optim.steps?
    """
    return _planned(overrides, config_dir)


def run(overrides: Sequence[str], *, config_dir: Path | str | None = None) -> dict[str, Artifact]:
    """Makes what a plan lacks, as the command line does; stage → what it made, in the plan's order, with `stage=` that
    stage's alone. It tells how it goes through `logging`, and prints nothing. Raises UserError.

    >>> from retrieval_kd import run
    >>> made = run(["corpus=beir", f"corpus.path={collection}", "stage=bm25"])
    >>> made["bm25"].metrics["test"]["RR@10"]
    1.0
    """
    checked = _planned(overrides, config_dir)
    if checked.dry_run:
        raise UserError("dry_run=true makes nothing, and run gives what was made; call plan(…) with these overrides")
    for note in checked.notes:
        _log.warning(note)
    make_artifacts(checked)
    asked = [stage for stage in checked.stages if checked.stage in (None, stage.name)]
    folders = {stage.name: checked.artifacts / stage.artifact for stage in asked}
    return {
        name: open_artifact(folder, plugins=checked.plugins) for name, folder in folders.items() if is_sealed(folder)
    }


def _planned(overrides: Sequence[str], config_dir: Path | str | None) -> Plan:
    """The plan. Raises UserError for what is no list of overrides of one plan."""
    if isinstance(overrides, str):
        raise UserError(f"{overrides!r} is one text; give a list of overrides, as in ['teacher=colbert', 'seed=1']")
    if flag := next((text for text in overrides if text.startswith("-") or text.partition("=")[0] == text), None):
        if not flag.startswith("~"):
            raise UserError(
                f"{flag}: give overrides alone, group=option or group.key=value; config_dir= is an argument"
            )
    flags = [] if config_dir is None else [f"--config-dir={config_dir}"]
    register()
    with _no_other_hydra():
        _, plans = planned(line([*flags, *overrides]))
    return next(iter(plans.values()))


@contextmanager
def _no_other_hydra() -> Iterator[None]:
    """Whatever the caller has initialised of Hydra is taken away, and put back after."""
    holder = GlobalHydra.instance()
    callers, holder.hydra = holder.hydra, None
    try:
        yield
    finally:
        holder.hydra = callers
