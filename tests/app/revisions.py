"""What each verb's sources looked like at its REVISION: `python -m tests.app.revisions` records it.

A change of code (not of comments, docstrings or layout) asks for a raised REVISION, or for the word that numbers stay:
`python -m tests.app.revisions --same-numbers`.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import retrieval_kd
from retrieval_kd.app.plan.revision import revision

PACKAGE = Path(retrieval_kd.__file__).resolve().parent
RECORD = Path(__file__).with_name("revisions.json")
STAGES = ("app/stages/open_scorers.py", "app/stages/open_rankers.py", "app/plan/instantiate.py")
READING = ("text", "batch", "encoders", "scorers", "ranking", *STAGES)
SOURCES = {
    "train": (*READING, "losses", "curricula", "distil", "app/stages/train.py"),
    "mine": (*READING, "app/stages/mine.py"),
    "score": (*READING, "app/stages/score.py"),
    "evaluate": (*READING, "measures", "app/stages/evaluate.py"),
}


def recorded() -> dict[str, dict[str, int | str]]:
    found: dict[str, dict[str, int | str]] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def present() -> dict[str, dict[str, int | str]]:
    """verb → its REVISION and a digest of the code that its numbers depend on."""
    return {verb: {"revision": revision(verb), "sources": digest(verb)} for verb in SOURCES}


def digest(verb: str) -> str:
    total = hashlib.sha256()
    for path in files(verb):
        total.update(f"{path.relative_to(PACKAGE).as_posix()} {code(path.read_text(encoding='utf-8'))}\n".encode())
    return total.hexdigest()


def files(verb: str) -> Iterator[Path]:
    for name in SOURCES[verb]:
        place = PACKAGE / name
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place]


def code(source: str) -> str:
    """A source without what does not run: comments, layout, docstrings, and the number of the revision itself."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    tree.body = [line for line in tree.body if not ast.unparse(line).startswith("REVISION = ")]
    return ast.dump(tree)


def changed() -> list[str]:
    """The verbs whose sources are not those recorded, though their REVISION is."""
    before, now = recorded(), present()
    return [
        verb
        for verb in SOURCES
        if verb in before and now[verb] != before[verb] and now[verb]["revision"] == before[verb]["revision"]
    ]


def record(*, same_numbers: bool) -> None:
    unsaid = changed() if RECORD.exists() and not same_numbers else []
    if unsaid:
        sys.exit(f"the code of {', '.join(unsaid)} changed: raise REVISION in app/stages/, or say --same-numbers")
    RECORD.write_text(json.dumps(present(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record(same_numbers="--same-numbers" in sys.argv)
