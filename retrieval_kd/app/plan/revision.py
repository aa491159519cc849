"""A verb's REVISION, read from its source: a plan needs the number before anything heavy is imported."""

import ast
from functools import lru_cache
from pathlib import Path


@lru_cache
def revision(verb: str) -> int:
    """The integer that stages/<verb>.py assigns to REVISION."""
    source = Path(__file__).parents[1] / "stages" / f"{verb}.py"
    for line in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(line, ast.Assign) and any(
            isinstance(name, ast.Name) and name.id == "REVISION" for name in line.targets
        ):
            return int(ast.literal_eval(line.value))
    raise ValueError(f"{source} assigns no REVISION: give the verb one")
