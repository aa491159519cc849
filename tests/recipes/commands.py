"""`python train.py` as a user types it, and what it left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.house.tree import ROOT


def train_py(*words: str) -> str:
    """What the command printed, and of its errors; it must end well."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "train.py", *words]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


def stage(artifacts: Path, name: str) -> Path:
    """The artifact that a stage of this name made."""
    folders = [path.parent for path in artifacts.glob("*/manifest.json") if made_by(path.parent)["name"] == name]
    assert len(folders) == 1, folders
    return folders[0]


def made_by(artifact: Path) -> dict[str, Any]:
    """The stage that an artifact says it is of: its name, kind, key."""
    stage_names: dict[str, Any] = json.loads((artifact / "manifest.json").read_text())["stage"]
    return stage_names


def metrics(artifacts: Path, name: str) -> dict[str, Any]:
    """What an evaluate stage found."""
    values: dict[str, Any] = json.loads((stage(artifacts, name) / "metrics.json").read_text())
    return values
