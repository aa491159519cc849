"""How long the lists are that a stage is given: by an earlier stage, by a ranker inside another, by a file."""

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from re import Match
from typing import Any, NamedTuple

from retrieval_kd.app.plan.artifact_references import REFERENCE
from retrieval_kd.app.plan.stage_kinds import StageKind

Node = Mapping[str, Any]
EarlierStages = Mapping[str, tuple[StageKind, Node]]  # by name of an earlier stage: its kind and its config


class Lists(NamedTuple):
    """How many passages lists have at most, the key that bounds them (`of_file`: the run's path), and a sentence."""

    key: str
    passages: int
    sentence: str
    of_file: bool = False

    def deeper(self, wanted: int | None = None) -> str:
        """What to give for longer lists."""
        if self.of_file:
            return "a deeper run"
        return f"a larger {self.key}" if wanted is None else f"{self.key}={wanted}"


def lists_bounded_by(key: str, passages: int) -> Lists:
    """Lists that a key bounds."""
    return Lists(key, passages, f"{key}={passages} gives lists of {passages}")


def lists_of(node: Node, path: str, made_by: EarlierStages, asked: Any) -> Lists | None:
    """What a ranker lists; None where it ranks everything. Of a file no more is read than shows lists of `asked`."""
    if node.get("candidates") is not None and isinstance(node.get("candidates_per_query"), int):
        return lists_bounded_by(f"{path}.candidates_per_query", node["candidates_per_query"])
    if isinstance(node.get("list_depth"), int):
        return lists_bounded_by(f"{path}.list_depth", node["list_depth"])
    return lists_from(node.get("path"), made_by, asked)


def lists_from(source: Any, made_by: EarlierStages, asked: Any) -> Lists | None:
    """The lists that an earlier stage makes, or of a file; None where nothing bounds them."""
    reference = REFERENCE.fullmatch(str(source))
    if reference is None:
        return _lists_of_file(Path(str(source)).expanduser(), asked)
    kind, config = maker(reference, made_by)
    stage, mining = f"+at.{reference['stage']}", config.get("mining") or {}
    if kind is not None and kind.rescores:
        return lists_from((config.get("data") or {}).get("candidates"), made_by, asked)
    if kind is not None and kind.evaluates:
        return lists_bounded_by(f"{stage}.evaluation.depth", config["evaluation"]["depth"])
    for key in ("k", "depth"):
        if key in mining:
            return lists_bounded_by(f"{stage}.mining.{key}", mining[key])
    return lists_bounded_by(f"{stage}.mining.last", mining["last"] - mining["first"] + 1) if "last" in mining else None


def maker(reference: Match[str], made_by: EarlierStages) -> tuple[StageKind | None, Node]:
    """The kind and the config of the stage that a reference names; none where there is no such stage."""
    return made_by.get(reference["stage"], (None, {}))


def _lists_of_file(path: Path, asked: Any) -> Lists | None:
    if type(asked) is not int or not path.is_file():
        return None
    longest = _longest(path, asked, path.stat().st_mtime_ns)
    return Lists(str(path), longest, f"the longest list of {path} has {longest}", of_file=True) if longest else None


@lru_cache
def _longest(path: Path, enough: int, _: int) -> int:
    """The length of a run's longest list, or `enough` as soon as one has so many; 0 where it is no run."""
    lengths, longest = Counter[bytes](), 0
    with open(path, "rb") as file:
        for line in file:
            columns = line.split()
            if len(columns) != 6:
                return 0
            lengths[columns[0]] += 1
            longest = max(longest, lengths[columns[0]])
            if longest >= enough:
                break
    return longest
