"""What the stages of the recipes come to at toy size, by the revision of their kind: the record beside this file.

A test compares it with what they come to now. Where they come to something else, the revision of the kind is raised in
app/plan/stage_kinds.py, so that artifacts made by the old code are not taken for those of the new, and `make numbers`
records them anew.
"""

import json
from pathlib import Path
from typing import Any

from retrieval_kd.app.plan.stage_kinds import KINDS
from retrieval_kd.text.run import Run

RECORD = Path(__file__).with_name("numbers.json")
Numbers = dict[str, dict[str, Any]]  # kind → its revision, and recipe/stage → name → number


def present(artifacts: Path) -> Numbers:
    """Of every artifact the losses of its last step, or the best scores and the length of its lists."""
    numbers: Numbers = {kind.name: {"revision": kind.revision, "numbers": {}} for kind in KINDS.values()}
    for manifest in sorted(artifacts.glob("*-*/manifest.json")):
        stage = json.loads(manifest.read_text(encoding="utf-8")).get("stage")
        if stage is not None and manifest.parent.name.partition("-")[0] in KINDS:
            folder = manifest.parent
            numbers[stage["run"]]["numbers"][f"{stage['recipe']}/{stage['name']}"] = dict(sorted(_of(folder).items()))
    return {kind: {**of, "numbers": dict(sorted(of["numbers"].items()))} for kind, of in numbers.items()}


def _of(folder: Path) -> dict[str, float]:
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    if "last" in metrics:
        return {name: _rounded(value) for name, value in metrics["last"].items()}
    numbers = {}
    for path in sorted(folder.rglob("run.trec")):
        name, lists = path.parent.relative_to(folder).as_posix(), Run.read(path).lists.values()
        numbers[f"{name} best score"] = _rounded(sum(ranked[0].score for ranked in lists) / len(lists))
        numbers[f"{name} passages"] = sum(map(len, lists))
    return numbers


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def recorded() -> Numbers:
    numbers: Numbers = json.loads(RECORD.read_text(encoding="utf-8"))
    return numbers


def record(numbers: Numbers) -> None:
    """Raises ValueError where a kind's numbers changed and its revision did not."""
    before = recorded()
    for kind, of in numbers.items():
        if kind in before and before[kind]["revision"] == of["revision"] and (unlike := differing(before[kind], of)):
            raise ValueError(f"{unlike[0]}: raise the revision of {kind} in app/plan/stage_kinds.py first")
    RECORD.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def differing(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """A sentence for each number that is another than the one recorded, by more than processors differ; recipes that
    came or went say nothing.
    """
    pairs = [
        (f"{stage}: {name}", was[name], value)
        for stage, is_now in now["numbers"].items()
        if (was := before["numbers"].get(stage)) is not None
        for name, value in is_now.items()
        if name in was
    ]
    return [
        f"{where} was {was} and is {value}" for where, was, value in pairs if abs(was - value) > 1e-3 * abs(was) + 2e-3
    ]
