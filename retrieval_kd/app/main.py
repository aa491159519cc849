"""The command line's first and last step: help, or the jobs; a sentence for each problem, and the exit status.

What a user can mend ends with exit status 2.
"""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import HydraException, InstantiationException

from retrieval_kd.app.cli.arguments import Line, line, program
from retrieval_kd.app.cli.conf_folder import conf_folder
from retrieval_kd.app.cli.help import help_text
from retrieval_kd.app.cli.process_env import is_first
from retrieval_kd.app.cli.schema import register
from retrieval_kd.app.cli.status import show_status
from retrieval_kd.app.cli.user_errors import FAILED, SIGNALLED, sentences_of, tell_user
from retrieval_kd.errors import ChildrenFailed, ProcessLost, UserError
from retrieval_kd.io.disk_errors import disk_problem
from retrieval_kd.text.signals import Stopped, stops


def main() -> None:
    """`python train.py …` and `retrieval-kd …`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # → and … where the terminal's encoding has none
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Exit status: 0, or 2 with the problems on stderr."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises what goes wrong instead of printing it and exiting
    register()
    show_status(first=is_first())
    try:
        _check_working_folder()
        with stops():
            return _run(line(arguments))
    except UserError as error:
        return tell_user(sentences_of(error))
    except ChildrenFailed as failure:
        return tell_user([str(failure)], FAILED)
    except ProcessLost as failure:
        return tell_user([str(failure)], FAILED, always=True)
    except Stopped as stopped:
        return tell_user([str(stopped)], SIGNALLED + stopped.number)
    except InstantiationException:
        raise
    except HydraException as error:
        return tell_user([str(error).splitlines()[0]])
    except Exception as error:
        if (problem := disk_problem(error)) is None:
            raise
        return tell_user([problem])


def _check_working_folder() -> None:
    """Raises UserError where the folder that this process works in was removed."""
    try:
        os.getcwd()
    except OSError:
        raise UserError("the working folder is not there any more: change into a folder that is") from None


def _run(asked: Line) -> int:
    if asked.parsed.help:
        extra = [Path(asked.parsed.config_dir)] if asked.parsed.config_dir else []
        print(help_text([conf_folder(), *extra], program=program()))
        return 0
    from retrieval_kd.app.jobs import run_jobs  # what help does without, it does not import

    return run_jobs(asked)
