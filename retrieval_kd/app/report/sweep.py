"""Multiruns: all jobs planned before the first runs, and one table after the last."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from retrieval_kd.app.report.results import Row
from retrieval_kd.errors import UserError

SUMMARY = "summary.json"


def jobs_of(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """The command lines that Hydra's own sweeper will run, in its order; Hydra must be initialised. Raises
    UserError.
    """
    from hydra.core.global_hydra import GlobalHydra

    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    batches = BasicSweeper.split_arguments(parser.parse_overrides(list(texts)), None)
    if not batches[0]:
        raise UserError(f"{' '.join(texts)}: a glob(…) among these matches no option, so there is nothing to run")
    return [tuple(job) for job in batches[0]]


def summarise(overrides: Sequence[str], rows: Sequence[Row], folder: Path, error: str | None = None) -> None:
    """Leaves a job's rows in its folder, for the table; a file, since a launcher may run jobs elsewhere."""
    summary = {"words": list(overrides), "rows": [asdict(row) for row in rows], "error": error}
    (folder / SUMMARY).write_text(json.dumps(summary, indent=1), encoding="utf-8")


class Table(Callback):
    """Prints one table at the end of a multirun: a row for each evaluation, which several jobs may share."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Reads the jobs' summaries from the sweep's folder."""
        from retrieval_kd.app.report.tables import queries_of, results_table, show

        folder = Path(config.hydra.sweep.dir)
        summaries = [
            json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"*/{SUMMARY}"), key=_number)
        ]
        if summaries:
            listed = table_rows(summaries)
            show("", results_table(listed, title=f"{len(summaries)} runs, {queries_of(listed)}"))


def table_rows(summaries: Sequence[dict[str, Any]]) -> list[Row]:
    """Rows titled by the overrides that differ between the jobs; an evaluation that all jobs share is one row."""
    common = set.intersection(*(set(summary["words"]) for summary in summaries))
    overrides_by_artifact: dict[str, list[str]] = {}
    first: dict[str, Row] = {}
    for summary in summaries:
        overrides = " ".join(override for override in summary["words"] if override not in common)
        for values in summary["rows"]:
            row = Row(**values)
            first.setdefault(row.artifact, row)
            overrides_by_artifact.setdefault(row.artifact, []).append(overrides)
    everywhere = len(summaries)
    return [
        replace(row, title=f"{row.title} · {_label(overrides_by_artifact[name], everywhere)}")
        for name, row in first.items()
    ]


def _label(overrides: Sequence[str], everywhere: int) -> str:
    """The overrides of the jobs that share an evaluation: `experiment=adam, lead` where they differ in one
    value alone.
    """
    if len(overrides) == everywhere > 1:
        return "all"
    distinct = list(dict.fromkeys(overrides))
    keys = {override.partition("=")[0] for override in distinct}
    if len(keys) == 1 and not any(" " in override for override in distinct):
        return f"{keys.pop()}={', '.join(override.partition('=')[2] for override in distinct)}"
    return " | ".join(distinct)


def _number(path: Path) -> int:
    return int(path.parent.name) if path.parent.name.isdigit() else 0
