"""Start-up: a command from its start to its end; a repetition is a fresh process."""

import subprocess
import sys
import tempfile
from typing import Any

from experiments.speed.places import ROOT
from experiments.speed.worker import Turn


def run(settings: dict[str, Any], turn: Turn) -> None:
    words = command(settings["command"])
    turn.ready()
    while True:
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        turn()


def command(name: str) -> list[str]:
    """What is typed after `python`."""
    if name == "empty":
        return ["-m", "experiments.speed.limits.empty_app", "--help"]
    if name == "help":
        return ["train.py", "--help"]
    recipe = "prod" if (ROOT / "conf/experiment/prod.yaml").exists() else "ernie_search"
    return ["train.py", "dry_run=true", f"experiment={recipe}", f"artifacts={tempfile.mkdtemp()}"]
