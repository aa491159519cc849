"""The peers' own virtual environments, made from the requirement files beside this one."""

import hashlib
import subprocess
import sys
from pathlib import Path

from experiments.speed.places import HERE, PEERS


def requirements(name: str) -> Path:
    return HERE / f"requirements-{name}.txt"


def python_of(side: str) -> Path:
    """The interpreter that a side runs in: a peer's own, made first if need be; this one for all others."""
    return environment(side) / "bin" / "python" if requirements(side).exists() else Path(sys.executable)


def environment(name: str) -> Path:
    """A peer's environment, made anew whenever its requirement file has changed."""
    folder, wanted = PEERS / name, hashlib.sha256(requirements(name).read_bytes()).hexdigest()
    stamp = folder / ".requirements"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {name} into {folder}; torch is large, so this takes some minutes", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", requirements(name)], check=True)
        stamp.write_text(wanted)
    return folder
