"""The steps' texts and scores as a task's steps.json has them, in a peer's words."""

import json
from pathlib import Path
from typing import Any


def columns(settings: dict[str, Any]) -> dict[str, list[Any]]:
    """sentence-transformers' columns: query, one column a candidate, and the teacher's scores; a row a query."""
    steps = json.loads((Path(settings["task"]) / "steps.json").read_text())
    lists = [row for step in steps["passages"] for row in step]
    found: dict[str, list[Any]] = {"query": [query for step in steps["queries"] for query in step]}
    for place in range(len(lists[0])):
        found["positive" if place == 0 else f"negative_{place}"] = [row[place] for row in lists]
    return {**found, "label": [row for step in steps["scores"] for row in step]}
