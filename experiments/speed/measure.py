"""`make speed`: measure rows of the table, ours and theirs taking turns, and write record and table.

`--rows step,maxsim` measures some rows, `--rounds` and `--repetitions` say how often, `--smoke` runs the smallest sizes
and records nothing, `--corpus path` adds a row for the real lengths of a collection in BEIR's layout.
"""

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiments.speed import table
from experiments.speed.peers import python_of
from experiments.speed.places import README, RESULTS, ROOT, WORK
from experiments.speed.process import Worker
from experiments.speed.rows import ROWS, Row, step_on
from experiments.speed.summary import agree

TOLD_ONCE = ("peak_mb", "extra_mb", "anon_mb", "anon_peak_mb")


def main(words: Sequence[str] | None = None) -> None:
    asked = arguments().parse_args(words)
    paths = {path.resolve().name: path.resolve() for path in asked.corpus}
    rows = [sized(row, asked) for row in chosen(asked.rows, list(paths))]
    for row in rows:
        print(f"{row.name}: {row.work}", flush=True)
        record = measured(row, shared(asked), paths.get(row.texts or ""))
        print("\n".join(table.lines(row, record)), flush=True)
        if not asked.smoke:
            keep(record)
    if not asked.smoke:
        table.put(README, table.table(records()))


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make speed ARGS=…", description=__doc__)
    parser.add_argument("--rows", default="", help=f"of {', '.join(ROWS)}; default: all")
    parser.add_argument("--rounds", type=int, help="how often all sides take their turn")
    parser.add_argument("--repetitions", type=int, help="of a side in its turn")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of every side")
    parser.add_argument(
        "--corpus", type=Path, action="append", default=[], help="a folder in BEIR's layout; repeatable"
    )
    parser.add_argument("--smoke", action="store_true", help="smallest sizes, one round, nothing recorded")
    parser.add_argument("--sides", default="", help="only these sides beside ours")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="a setting of the rows")
    return parser


def chosen(names: str, collections: Sequence[str]) -> list[Row]:
    """The rows of these names; without names all of them, and one for each collection."""
    given = {row.name: row for row in map(step_on, collections)}
    if not names:
        return [*ROWS.values(), *given.values()]
    return [{**ROWS, **given}[name] for name in names.split(",")]


def sized(row: Row, asked: argparse.Namespace) -> Row:
    """A row with the sizes and sides that were asked for."""
    sides = {
        name: side for name, side in row.sides.items() if not asked.sides or name in ("ours", *asked.sides.split(","))
    }
    settings = dict(row.settings)
    if asked.smoke:
        settings, row = {**settings, **row.smoke}, replace(row, rounds=1, repetitions=1)
    settings |= {key: json.loads(value) for key, value in (words.split("=", 1) for words in asked.set)}
    rounds, repetitions = asked.rounds or row.rounds, asked.repetitions or row.repetitions
    return replace(row, sides=sides, settings=settings, rounds=rounds, repetitions=repetitions)


def shared(asked: argparse.Namespace) -> dict[str, Any]:
    return {"threads": asked.threads, "smoke": asked.smoke}


def measured(row: Row, common: Mapping[str, Any], path: Path | None) -> dict[str, Any]:
    """All sides set up, once warmed and compared, then by turns: in every other round in the opposite order."""
    settings = {**common, **row.settings, **prepared(row, path)}
    WORK.mkdir(exist_ok=True)
    with ExitStack() as stack:
        workers = {name: stack.enter_context(started(row, name, settings)) for name in row.sides}
        first = {name: worker.do(1) for name, worker in workers.items()}
        if row.same is not None:
            agree({name: told["values"] for name, told in first.items() if told["values"]}, row.same)
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in workers}
        for number in range(row.rounds):
            for name in list(workers)[:: -1 if number % 2 else 1]:
                rounds[name].append(workers[name].do(row.repetitions))
                print(f"  {name}: {rounds[name][-1]['wall'] / rounds[name][-1]['units']:.4g} s", flush=True)
    sides = {name: side(first[name], rounds[name], workers[name].once) for name in workers}
    return {"row": row.name, "settings": {**settings, **about(row)}, "sides": sides}


def prepared(row: Row, path: Path | None) -> dict[str, str]:
    """The folders that the sides are told of: weights, and the task's texts."""
    from experiments.speed.tasks import task
    from experiments.speed.weights import weights

    told = {}
    if row.model:
        told["model"] = str(weights(row.model))
    if row.texts and row.model:
        steps = 1 + row.rounds * row.repetitions + 8
        told["task"] = str(task(row.texts, weights(row.model), row.settings, steps, path))
    return told


def started(row: Row, name: str, settings: Mapping[str, Any]) -> Worker:
    given = row.sides[name]
    module, more = (given, {}) if isinstance(given, str) else given
    log = WORK / f"{row.name}-{name.replace(' ', '-')}.log"
    return Worker(python_of(name), module, {**settings, **more}, log)


def side(first: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]], once: Mapping[str, float]) -> dict[str, Any]:
    """What is recorded of a side: seconds by round, memory at the end, the first numbers, what was paid once."""
    seconds = [{key: told[key] for key in ("wall", "cpu", "units")} for told in rounds]
    last = rounds[-1] if rounds else first
    return {"rounds": seconds, **{key: last[key] for key in TOLD_ONCE}, "values": first["values"], "once": once}


def about(row: Row) -> dict[str, Any]:
    """When and on what, so that a record can be judged later; no path."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    machine = {"cores": os.cpu_count(), "processor": processor(), "python": platform.python_version()}
    often = {"rounds": row.rounds, "repetitions": row.repetitions}
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        **machine,
        **often,
        "torch": version("torch"),
        "commit": commit.stdout.strip(),
        "when": when,
        "task": None,
        "model": row.model,
    }


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def records() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []


def keep(record: Mapping[str, Any]) -> None:
    """The record in the place of the row's last one."""
    others = [old for old in records() if old["row"] != record["row"]]
    RESULTS.write_text("".join(json.dumps(one) + "\n" for one in [*others, record]))


if __name__ == "__main__":
    main()
