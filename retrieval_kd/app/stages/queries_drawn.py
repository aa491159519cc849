"""How many queries a checkpoint was trained on, over all stages that led to it: where the next one's draw begins."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrieval_kd.errors import UserError

FILE = "trained.json"
_DRAWN = "queries_drawn"


def begins(start: int | None, student: Mapping[str, Any]) -> int:
    """`data.start`, or where that is null the queries that the student's checkpoint was trained on; 0 without one.

    Raises UserError if the checkpoint's file cannot be read.
    """
    if start is not None:
        return start
    path = Path(str(student.get("checkpoint"))).expanduser() / FILE
    if student.get("checkpoint") is None or not path.exists():
        return 0
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))[_DRAWN])
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path} does not say {_DRAWN}: give data.start, or a checkpoint as it was saved") from None


def note(folder: Path, *, queries_drawn: int) -> None:
    """Writes it beside a scorer's weights."""
    (folder / FILE).write_text(json.dumps({_DRAWN: queries_drawn}) + "\n", encoding="utf-8")
