"""Why a stage is to be made: what differs from the artifact of its kind that comes nearest, and what that one cost."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from retrieval_kd.app.execute import artifacts
from retrieval_kd.app.execute.verify import size_of
from retrieval_kd.app.plan.artifact_references import REFERENCE
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import Stage
from retrieval_kd.text.progress import duration

SHOWN = 4  # differences that are spelt out
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOTHING = object()
Leaves = dict[str, Any]  # dotted key → value


class Nearest(NamedTuple):
    """A sealed artifact, and the dotted keys at which another stage's key was made of something else."""

    folder: Path
    values: Leaves
    differing: list[str]


def reasons(plan: Plan) -> Iterator[str]:
    """A sentence for each stage of the plan that is not sealed, where an artifact of its kind is there."""
    for stage in plan.stages:
        if not artifacts.is_sealed(plan.artifacts / stage.artifact):
            nearest = _nearest(plan.artifacts, stage)
            if nearest is not None:
                yield f"{stage.name}: {_because(plan, stage, nearest)}; {_cost(nearest.folder)}"


def _nearest(root: Path, stage: Stage) -> Nearest | None:
    """The artifact of the same kind of stage with the fewest differences, the newest of those; None without any."""
    wanted, candidates = leaves(stage.key_of), list[Nearest]()
    sealed = [path for path in root.glob(f"{stage.run}-*/{artifacts.KEY}") if not path.parent.suffix]
    for path in sorted(sealed, key=lambda path: path.stat().st_mtime, reverse=True):
        values = leaves(json.loads(path.read_text(encoding="utf-8")))
        keys = sorted({*wanted, *values})
        differing = [key for key in keys if wanted.get(key, _NOTHING) != values.get(key, _NOTHING)]
        candidates.append(Nearest(path.parent, values, differing))
    return min(candidates, key=lambda nearest: len(nearest.differing), default=None)


def leaves(node: Any, prefix: str = "") -> Leaves:
    """Every value of nested mappings under its dotted key."""
    if not isinstance(node, Mapping) or not node:
        return {prefix: node}
    inner = (leaves(value, f"{prefix}.{name}" if prefix else str(name)) for name, value in node.items())
    return {key: value for part in inner for key, value in part.items()}


def _because(plan: Plan, stage: Stage, nearest: Nearest) -> str:
    wanted = leaves(stage.key_of)
    differences = [_difference(plan, key, nearest.values, wanted) for key in nearest.differing]
    shown = list(dict.fromkeys(differences))
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return f"because {', '.join(shown[:SHOWN])}{more}, compared with {nearest.folder.name}"


def _difference(plan: Plan, key: str, before: Leaves, after: Leaves) -> str:
    name, old, new = key.removeprefix("config."), before.get(key, _NOTHING), after.get(key, _NOTHING)
    reference = REFERENCE.fullmatch(new) if isinstance(new, str) else None
    if reference is not None:
        made_by = next((other.name for other in plan.stages if other.key == reference["stage"]), "an earlier stage")
        return f"what {made_by} makes is not the same"
    if key.startswith("plugins."):
        return f"the code of {key.removeprefix('plugins.')} is not the same"
    if key == "revision":
        return f"the code of {after['run']} has revision {new}, not {old}"
    if all(isinstance(text, str) and _DIGEST.fullmatch(text) for text in (old, new)):
        return f"the content of {name} is not the same"
    return f"{name} {_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    return "nothing" if value is _NOTHING else value if isinstance(value, str) and value else json.dumps(value)


def _cost(folder: Path) -> str:
    """What the artifact took."""
    seconds = float(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["seconds"])
    return f"that one took {duration(seconds)} and {size_of(folder) / 2**20:.1f} MiB"
