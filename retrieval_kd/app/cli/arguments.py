"""The command line taken apart: flags for Hydra, overrides for the plan."""

import sys
from argparse import Namespace
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from retrieval_kd.app.cli.overrides import key_of
from retrieval_kd.app.cli.schema import EVERYWHERE
from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import at_home

RECORD, VERIFY, CLEAN, REPLAY, DATA = "record", "verify", "clean", "replay", "data"
COMMANDS = (RECORD, DATA, VERIFY, CLEAN, REPLAY)  # first arguments that are no override: done instead of running a plan
PLACED = {REPLAY: "artifacts/faults/train-…/step-7", DATA: "faq.csv"}  # commands that are given a path, as in …
JSON = "--json"  # a flag of `data`
SHOWS = ("hydra_help", "cfg", "info", "shell_completion", "experimental_rerun")


@dataclass(frozen=True)
class Line:
    """`overrides` are the plan's, `hydra` Hydra's own (hydra.sweep.dir=…), `flags` begin with a dash or belong to one.

    `command` is the subcommand, "" where there is none, and `place` the path that it is given; `as_json`: it
    prints JSON.
    """

    flags: tuple[str, ...]
    overrides: tuple[str, ...]
    hydra: tuple[str, ...]
    parsed: Namespace
    command: str = ""
    place: str = ""
    as_json: bool = False

    @property
    def multirun(self) -> bool:
        """Whether several jobs are asked for."""
        return bool(self.parsed.multirun) or any(override.upper() == "HYDRA.MODE=MULTIRUN" for override in self.hydra)

    @property
    def shows(self) -> bool:
        """Whether Hydra is only asked to tell something."""
        return any(getattr(self.parsed, name) for name in SHOWS)

    @property
    def expands(self) -> bool:
        """Whether the jobs of a multirun are known beforehand: not if another sweeper chooses them."""
        return not any(override.startswith("hydra/sweeper=") for override in self.hydra)


def line(arguments: Sequence[str]) -> Line:
    """The arguments taken apart. Raises UserError for a subcommand there is none of, and for what is no override."""
    from hydra._internal.utils import get_args_parser

    command, place, arguments = _split(arguments)
    as_json = command == DATA and JSON in arguments
    arguments = [argument for argument in arguments if not as_json or argument != JSON]
    arguments = [_at_home(override) for override in arguments]
    overrides = [
        override
        for override in arguments
        if not override.startswith("-") and ("=" in override or override.startswith("~"))
    ]
    flags = [override for override in arguments if override not in overrides]
    parser = get_args_parser()
    parser.error = _refuse_flags  # type: ignore[method-assign, assignment]
    parsed = parser.parse_args(flags)
    for name in ("config_path", "config_name"):
        if getattr(parsed, name):
            flag = f"--{name.replace('_', '-')}"
            raise UserError(
                f"{flag}: there is one root config; add option files of your own with --config-dir=<folder>"
            )
    if parsed.config_dir and not Path(parsed.config_dir).is_dir():
        raise UserError(f"--config-dir={parsed.config_dir}: there is no such folder")
    if parsed.overrides:
        raise UserError(f"{parsed.overrides[0]}: give group=option or group.key=value; see --help")
    own = [override for override in overrides if override.lstrip("+~").startswith(("hydra.", "hydra/"))]
    theirs = tuple(override for override in overrides if override not in own)
    return Line(tuple(flags), theirs, tuple(own), parsed, command, place, as_json)


def _refuse_flags(reason: str) -> NoReturn:
    raise UserError(f"{reason}; give group=option or group.key=value, or a flag that --hydra-help lists")


def _at_home(override: str) -> str:
    """The override with `~` as the home folder, where it is a flag's or Hydra's; in quotes, without which Hydra does
    not read it, where it is the value of a key.
    """
    name, equals, value = override.partition("=")
    if override.startswith("~/"):
        return str(at_home(override))
    if not equals or not value.startswith("~") or '"' in value:
        return override
    return f"{name}={at_home(value)}" if name.startswith(("--", "hydra.")) else f'{name}="{value}"'


def _split(arguments: Sequence[str]) -> tuple[str, str, Sequence[str]]:
    """(the subcommand, the path that it is given, the rest). Raises UserError for one that there is none of, and
    where its path is not given.
    """
    if not arguments or arguments[0].startswith(("-", "+", "~")) or "=" in arguments[0]:
        return "", "", arguments
    command, *rest = arguments
    if command not in COMMANDS:
        raise UserError(
            f"{command}: the commands are {', '.join(COMMANDS)}; everything else is group=option or "
            "group.key=value, as in teacher=colbert loss=self_otf; see --help"
        )
    if command not in PLACED:
        return command, "", rest
    rest = sorted(rest, key=lambda word: word.startswith("-"))  # flags may stand before the path
    if not rest or rest[0].startswith("-") or "=" in rest[0]:
        raise UserError(f"{command}: give a path after it, as in {command} {PLACED[command]}")
    return command, str(at_home(rest[0])), rest[1:]


def for_hydra(overrides: Sequence[str], elsewhere: Collection[str]) -> list[str]:
    """The overrides as Hydra can take them: those with a key that only stages have become overrides for every stage."""
    return [
        f"+at.{EVERYWHERE}.{override}" if key_of(override) in elsewhere else _plus(override) for override in overrides
    ]


def _plus(override: str) -> str:
    return f"+{override}" if override.startswith("at.") else override


def program() -> str:
    """How this program was called."""
    return "python train.py" if Path(sys.argv[0]).name == "train.py" else "retrieval-kd"
