"""What is refused of depths that contradict each other: measures, rankings, re-ranked lists, mined ranks, windows."""

from collections.abc import Iterator, Mapping
from typing import Any

from retrieval_kd.app import reads
from retrieval_kd.app.wiring import REFERENCE

Node = Mapping[str, Any]


def depth_faults(name: str, verb: str, config: Node, made_by: Mapping[str, tuple[str, Node]]) -> Iterator[str]:
    """The faults of one stage; `made_by` has the verb and the config of each earlier stage."""
    if verb == "evaluate":
        yield from _evaluation(name, config, made_by)
    if verb == "mine":
        yield from _mining(config, made_by)
    if verb == "train":
        yield from _windows(config, made_by)
    yield from _inside(config.get("ranker") or {}, "ranker", made_by)


def _evaluation(name: str, config: Node, made_by: Mapping[str, tuple[str, Node]]) -> Iterator[str]:
    evaluation = config["evaluation"]
    depth, deepest = evaluation["depth"], _deepest(evaluation["measures"])
    if not isinstance(depth, int) or deepest is None:
        return
    if deepest[1] > depth:
        yield (
            f"evaluation.measures: {deepest[0]} looks at {deepest[1]} passages, and evaluation.depth={depth} ranks "
            f"fewer: give evaluation.depth={deepest[1]}, or another measure"
        )
    teachers = reads.whom(dict(config)) == "teacher"
    key, kept = "ranker", None
    if teachers and _reranked(config, made_by):
        key, kept = "evaluation.candidates_per_query", evaluation["candidates_per_query"]
    elif not teachers:
        key, kept = _reach(config.get("ranker") or {}, "ranker", made_by)
    if kept is not None and deepest[1] > kept:
        yield (
            f"stage {name}: evaluation.measures: {deepest[0]} looks at {deepest[1]} passages, and {key}={kept} gives "
            f"lists of {kept}: give {key}={deepest[1]}, or evaluation.measures without it "
            f"(+at.{name}.evaluation.measures=… for this stage alone)"
        )


def _reranked(config: Node, made_by: Mapping[str, tuple[str, Node]]) -> bool:
    """Whether a teacher of the training that is evaluated orders proposed lists, however few passages there are."""
    reference = REFERENCE.match(str((config.get("student") or {}).get("checkpoint")))
    if reference is None:
        return True
    trained = made_by.get(reference["stage"], ("", {}))[1]
    targets = [str(node.get("_target_")) for node in (trained.get("teacher") or {}).values()]
    return not all(target.endswith((".Dual", ".Late", ".Stored", ".Asymmetric")) for target in targets)


def _deepest(measures: Any) -> tuple[str, int] | None:
    """The measure with the largest cut-off; None where none has one, or they are no measures (told elsewhere)."""
    import ir_measures

    try:
        found = [ir_measures.parse_measure(str(name)).params.get("cutoff") for name in measures]
    except (NameError, ValueError, SyntaxError, TypeError):
        return None
    cut = [(str(name), int(depth)) for name, depth in zip(measures, found, strict=True) if depth is not None]
    return max(cut, key=lambda pair: pair[1], default=None)


def _mining(config: Node, made_by: Mapping[str, tuple[str, Node]]) -> Iterator[str]:
    mining, (key, reach) = config["mining"], _reach(config.get("ranker") or {}, "ranker", made_by)
    named = "last" if "last" in mining else "depth"
    depth = mining[named]
    if reach is not None and isinstance(depth, int) and depth > reach:
        yield (
            f"mining.{named}={depth}: {key}={reach} gives lists of {reach}: give mining.{named}={reach}, or a larger "
            f"{key}"
        )
    for name in ("k", "student_window"):
        asked = mining.get(name)
        asked = asked[-1] if isinstance(asked, list) and asked else asked
        if isinstance(asked, int) and isinstance(depth, int) and asked > depth:
            yield f"mining.{name}={mining[name]} is deeper than mining.depth={depth}: give mining.depth={asked}"
    window, there = mining.get("teacher_window"), _of_reference(mining.get("path"), made_by)
    if isinstance(window, list) and window and there is not None and window[-1] > there[1]:
        yield f"mining.teacher_window={window}: the lists of mining.path have {there[1]} passages: give such ranks"


def _windows(config: Node, made_by: Mapping[str, tuple[str, Node]]) -> Iterator[str]:
    data, there = config["data"], _of_reference(config["data"].get("candidates"), made_by)
    windows = {"data": data, **{f"data.further[{place}]": one for place, one in enumerate(data.get("further") or [])}}
    for where, one in windows.items():
        ends = [one.get(name) for name in ("negatives", "first", "last")]
        if not all(type(end) is int for end in ends) or not one["negatives"]:
            continue
        ranks = one["last"] - one["first"] + 1
        if 0 < ranks < one["negatives"]:
            yield (
                f"{where}.negatives={one['negatives']}: ranks {one['first']} to {one['last']} hold {ranks}: give "
                f"fewer, or {where}.last={one['first'] + one['negatives'] - 1}"
            )
        elif there is not None and one["last"] > there[1]:
            yield (
                f"{where}.last={one['last']}: the lists of data.candidates have {there[1]} passages: give ranks up to "
                f"{there[1]}, or a larger {there[0]}"
            )
    groups = [group.get("last") for group in (config.get("curriculum") or {}).get("groups") or []]
    lowest = max((one["last"] for one in windows.values() if one.get("negatives")), default=0)
    if groups and all(type(last) is int for last in groups) and lowest > groups[-1]:
        yield (
            f"curriculum.groups end at rank {groups[-1]}, and data draws passages down to rank {lowest}, which would "
            f"not count: give a group with last: {lowest}, or draw no deeper than {groups[-1]}"
        )


def _inside(node: Node, path: str, made_by: Mapping[str, tuple[str, Node]]) -> Iterator[str]:
    """Rankers that want more of the one inside them than it gives."""
    asked = node.get("candidates_per_query", node.get("list_depth"))
    named = "candidates_per_query" if "candidates_per_query" in node else "list_depth"
    for key, inner in node.items():
        if not isinstance(inner, Mapping):
            continue
        where, reach = _reach(inner, f"{path}.{key}", made_by)
        if reach is not None and isinstance(asked, int) and asked > reach:
            yield f"{path}.{named}={asked}: {where}={reach} gives lists of {reach}: give {path}.{named}={reach}"
        yield from _inside(inner, f"{path}.{key}", made_by)


def _reach(node: Node, path: str, made_by: Mapping[str, tuple[str, Node]]) -> tuple[str, int | None]:
    """(the key that bounds how many passages a ranker lists, that number; None where it ranks everything)."""
    if node.get("candidates") is not None and isinstance(node.get("candidates_per_query"), int):
        return f"{path}.candidates_per_query", node["candidates_per_query"]
    if isinstance(node.get("list_depth"), int):
        return f"{path}.list_depth", node["list_depth"]
    return _of_reference(node.get("path"), made_by) or (path, None)


def _of_reference(given: Any, made_by: Mapping[str, tuple[str, Node]]) -> tuple[str, int] | None:
    """(the key that bounds the lists that an earlier stage makes, that number); None for a file, or where none does."""
    reference = REFERENCE.fullmatch(str(given))
    verb, config = made_by.get(reference["stage"], ("", {})) if reference else ("", {})
    if reference is None:
        return None
    stage = f"+at.{reference['stage']}"
    if verb == "score":
        return _of_reference((config.get("data") or {}).get("candidates"), made_by)
    if verb == "evaluate":
        return f"{stage}.evaluation.depth", config["evaluation"]["depth"]
    mining = config.get("mining") or {}
    if "k" in mining:
        return f"{stage}.mining.k", mining["k"]
    if "depth" in mining:
        return f"{stage}.mining.depth", mining["depth"]
    return (f"{stage}.mining.last", mining["last"] - mining["first"] + 1) if "last" in mining else None
