"""Distil dense retrievers: a teacher is a scorer, a student a scorer that we keep, a loss an arrow between them.

For a notebook: `load(folder)` opens a saved scorer, `Run`, `Judgments`, `evaluate` and `compare` say how good a ranking
is, `open_artifact(folder)` opens what a stage made, `plan(overrides)` and `run(overrides)` do what the command line
does. Whatever the caller can mend is a `UserError`. Each is imported when it is first asked for.

The rooms, each importing only from those before it:
text, measures, batch, encoders, scorers, losses | curricula, ranking, distil, app.
Every room's `__init__.py` is its sign: what lives there, what may not, and how to add one.
"""

import importlib
from typing import Any

__version__ = "0.1.0"
_HOMES = {  # name → the module that it is imported from when it is first used
    "Artifact": "retrieval_kd.app.execute.open_artifact",
    "Judgments": "retrieval_kd.text.judgments",
    "Plan": "retrieval_kd.app.plan.plan",
    "Report": "retrieval_kd.measures.evaluate",
    "Run": "retrieval_kd.text.run",
    "UserError": "retrieval_kd.errors",
    "compare": "retrieval_kd.measures.compare",
    "evaluate": "retrieval_kd.measures.evaluate",
    "load": "retrieval_kd.app.stages.load_scorer",
    "open_artifact": "retrieval_kd.app.execute.open_artifact",
    "plan": "retrieval_kd.app.from_python",
    "run": "retrieval_kd.app.from_python",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
