"""The jobs of a command line: each planned beforehand where they are known, then run by Hydra."""

import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra import initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.cli.arguments import CLEAN, DATA, RECORD, REPLAY, VERIFY, Line, for_hydra
from retrieval_kd.app.cli.conf_folder import conf_folder
from retrieval_kd.app.cli.hydra_cache import uncollected
from retrieval_kd.app.cli.process_env import ranks
from retrieval_kd.app.cli.user_errors import MENDABLE, refuse, sentences_of, tell_user
from retrieval_kd.app.housekeeping import clean, replay_step, show_data, verify
from retrieval_kd.app.plan.compose_overrides import elsewhere, implied_choices, retyped
from retrieval_kd.app.plan.options import CONFIG, Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.report.record import record
from retrieval_kd.app.report.results import rows
from retrieval_kd.app.report.sweep import jobs_of, summarise
from retrieval_kd.app.run_plan import run_plan, show_plans
from retrieval_kd.errors import UserError

VERSION = "1.3"  # of Hydra's behaviour


def run_jobs(asked: Line) -> int:
    """Does what a command line asks for, help aside; the exit status. Raises UserErrors."""
    if asked.shows:
        _hydra([*asked.flags, *asked.hydra, *asked.overrides], Jobs({}))
        return 0
    if asked.command == VERIFY:
        return verify(asked)
    if asked.command == CLEAN:
        return clean(asked, _search_path(asked), VERSION)
    if asked.command == REPLAY:
        return replay_step(asked)
    if asked.command == DATA:
        return show_data(asked, _search_path(asked), VERSION)
    overrides, plans = planned(asked)
    if asked.command == RECORD:
        for command, plan in plans.items():
            print(f"recorded in {record(plan, command)}")
        return 0
    if any(plan.dry_run for plan in plans.values()):
        if ranks().first:
            show_plans(list(plans.values()))
        return 0
    jobs = Jobs(plans)
    _hydra([*asked.flags, *asked.hydra, *overrides], jobs)
    return MENDABLE if jobs.refused else 0


def planned(asked: Line) -> tuple[list[str], dict[tuple[str, ...], Plan]]:
    """The overrides as Hydra can take them, and the plan of every job that is known beforehand. Raises UserErrors."""
    try:
        with uncollected(), initialize_config_dir(str(conf_folder()), version_base=VERSION):
            options = Options(_search_path(asked))
            texts = _with_implied(asked, options)
            jobs = expanded(asked, texts)
            overrides = for_hydra(texts, elsewhere(jobs, options))
            overrides = retyped(overrides, jobs[0], options) if asked.multirun and jobs else overrides
            return overrides, plans_of(expanded(asked, overrides), options)
    except OmegaConfBaseException as error:
        raise UserError(str(error).splitlines()[0]) from None


def _with_implied(asked: Line, options: Options) -> Sequence[str]:
    """The overrides, with those that the first job's imply: Hydra composes a run by them, too."""
    jobs = expanded(asked, asked.overrides)
    return [*implied_choices(jobs[0], options), *asked.overrides] if jobs else asked.overrides


def expanded(asked: Line, overrides: Sequence[str]) -> list[tuple[str, ...]]:
    """The command line of each job; none of a multirun whose sweeper chooses as it goes."""
    if not asked.multirun:
        return [tuple(overrides)]
    return jobs_of(overrides) if asked.expands else []


def plans_of(jobs: Sequence[tuple[str, ...]], options: Options) -> dict[tuple[str, ...], Plan]:
    """The plan of each job. Raises UserErrors: those of all jobs together."""
    plans: dict[tuple[str, ...], Plan] = {}
    problems: list[str] = []
    for overrides in jobs:
        try:
            plans[overrides] = checked_plan(overrides, options)
        except UserError as error:
            problems += sentences_of(error)
    refuse(problems)
    return plans


class Jobs:
    """Hydra's task function: runs the plan of a job's overrides, made beforehand where they were known.

    `refused` counts the jobs that ended with an error, which is printed; the other jobs of a multirun go on.
    """

    def __init__(self, plans: dict[tuple[str, ...], Plan]) -> None:
        self.plans = plans
        self.refused = 0

    def __call__(self, config: DictConfig) -> float | None:
        """The dev measure of the student, for a sweeper."""
        job = HydraConfig.get()
        overrides, several = tuple(job.overrides.task), job.mode == RunMode.MULTIRUN
        measure, results, refusal = None, [], None
        try:
            plan = self.plans.get(overrides) or checked_plan(overrides, Options())
            measure, results = run_plan(plan, overrides, table=not several), rows(plan)
        except UserError as error:
            refusal = str(error)
            self.refused += 1
            tell_user([refusal])
        if several and ranks().first:
            summarise(overrides, results, Path(job.runtime.output_dir), error=refusal)
        return measure


def _hydra(arguments: Sequence[str], jobs: Jobs) -> None:
    sys.argv = [sys.argv[0], *arguments]
    hydra.main(version_base=VERSION, config_path=str(conf_folder()), config_name=CONFIG)(jobs)()


def _search_path(asked: Line) -> list[str]:
    folder = asked.parsed.config_dir
    own = [override for override in asked.hydra if override.lstrip("+").startswith("hydra.searchpath=")]
    return own or ([f"hydra.searchpath=[file://{Path(folder).resolve()}]"] if folder else [])
