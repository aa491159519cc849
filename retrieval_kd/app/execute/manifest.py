"""The manifest of an artifact: what made it, so that it can be believed and made again."""

import platform
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import retrieval_kd
from retrieval_kd.app.execute.artifacts import sealed_digests
from retrieval_kd.io.digests import file_digest

PACKAGES = ("retrieval-kd", "torch", "pytorch-lightning", "transformers", "numpy", "bm25s", "faiss-cpu", "ir-measures")


def manifest(
    part: Path, *, stage: dict[str, Any], command: Sequence[str], corpus: str, inputs: dict[str, Path], seconds: float
) -> dict[str, Any]:
    """Commit, versions, the stage's names and key, the overrides of the command that made it, the corpus's
    fingerprint, seconds of the run that finished it, SHA-256 of its files and of what its inputs hold.
    """
    return {
        "stage": stage,
        "command": list(command),
        "commit": commit(),
        "python": platform.python_version(),
        "versions": versions(),
        "seconds": round(seconds, 3),
        "corpus": corpus,
        "files": sealed_digests(part),
        "inputs": {name: digests(folder) for name, folder in inputs.items()},
    }


@lru_cache
def commit() -> str | None:
    """The commit of the checkout that runs, `+` after it if files differ from it; None outside a checkout."""
    folder = Path(retrieval_kd.__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None
    head = _git(folder, "rev-parse", "HEAD")
    return head + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "") if head else None


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@lru_cache
def versions() -> dict[str, str]:
    """The versions of the packages that numbers depend on, of those that are installed."""
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of what an artifact holds for others: its payload, and its runs."""
    files = [*sorted((folder / "payload").rglob("*")), folder / "run.trec", *sorted(folder.glob("*/run.trec"))]
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files if path.is_file()}
