"""What is refused of depths that contradict each other: measures, rankings, re-ranked lists, mined ranks, windows."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retrieval_kd.app.check.given_lists import EarlierStages, Lists, lists_bounded_by, lists_from, lists_of, maker
from retrieval_kd.app.plan.artifact_references import REFERENCE
from retrieval_kd.app.plan.class_facts import fact
from retrieval_kd.app.plan.roles import SAVED, reads_text
from retrieval_kd.app.plan.stage_kinds import StageKind, whom
from retrieval_kd.app.plan.unjudged import judges

Node = Mapping[str, Any]
LEAST_MEASURE = "P@10"  # as deep as the shallowest look at agreement with a teacher, which needs no judgments


def depth_problems(name: str, kind: StageKind, config: Node, made_by: EarlierStages) -> Iterator[str]:
    """The problems of one stage; `made_by` has the kind and the config of each earlier stage."""
    if kind.evaluates:
        yield from _evaluation_problems(name, config, made_by)
    if kind.mines:
        yield from _mining_problems(config, made_by)
    if kind.trains:
        yield from _data_problems(config, made_by)
    yield from _inner_ranker_problems(config.get("ranker") or {}, "ranker", made_by)


def _evaluation_problems(name: str, config: Node, made_by: EarlierStages) -> Iterator[str]:
    evaluation = config["evaluation"]
    measures = evaluation["measures"] if judges(config.get("corpus")) else [LEAST_MEASURE]
    depth, deepest = evaluation["depth"], _deepest(measures, evaluation["depth"])
    if not isinstance(depth, int) or deepest is None:
        return
    measure, ranks_read = deepest
    if ranks_read > depth:
        yield (
            f"evaluation.measures: {measure} looks at {ranks_read} passages, and evaluation.depth={depth} ranks "
            f"fewer: give evaluation.depth={ranks_read}, or another measure"
        )
    fused = (config.get("ranker") or {}).get("list_depth")
    if isinstance(fused, int) and fused < depth:
        contradiction = (
            f"ranker.list_depth={fused} is less than evaluation.depth={depth}, for which lists of {depth} are fused"
        )
        yield f"{contradiction}: give ranker.list_depth={depth}, or evaluation.depth={fused}"
    lists, teachers = None, whom(dict(config)) == "teacher"
    if teachers and teachers_rerank(config, made_by):
        yield from _inner_ranker_problems(evaluation, "evaluation", made_by)
        lists = lists_bounded_by("evaluation.candidates_per_query", evaluation["candidates_per_query"])
    elif not teachers:
        lists = lists_of(config.get("ranker") or {}, "ranker", made_by, ranks_read)
    if lists is not None and ranks_read > lists.passages:
        yield (
            f"stage {name}: evaluation.measures: {measure} looks at {ranks_read} passages, and {lists.sentence}: give "
            f"{lists.deeper(ranks_read)}, or evaluation.measures without it (+at.{name}.evaluation.measures=… for this "
            "stage alone)"
        )
    elif lists is not None and not lists.of_file and depth > lists.passages:
        yield (
            f"stage {name}: evaluation.depth={depth}: {lists.sentence}: give evaluation.depth={lists.passages}, or "
            f"{lists.deeper(depth)}"
        )


def proposed_lists_problem(evaluation: Node) -> str | None:
    """What is wrong where a teacher re-ranks proposed lists that are shorter than a measure looks."""
    deepest, listed = _deepest(evaluation["measures"], evaluation["depth"]), evaluation["candidates_per_query"]
    if deepest is None or deepest[1] <= listed:
        return None
    return (
        f"evaluation.measures: {deepest[0]} looks at {deepest[1]} passages, and beyond evaluation.exhaustive="
        f"{evaluation['exhaustive']} passages a late-interaction teacher ranks "
        f"evaluation.candidates_per_query={listed}: give evaluation.candidates_per_query={deepest[1]}, "
        "or a larger evaluation.exhaustive"
    )


def teachers_rerank(config: Node, made_by: EarlierStages) -> bool:
    """Whether a teacher of the training that is evaluated orders proposed lists; one by late interaction does where no
    collection is small enough for all of it.
    """
    whole = ("always", *(("small",) if config["evaluation"]["exhaustive"] else ()))
    return not all(fact(target, "exhaustive") in whole for target in judged_teachers(config, made_by))


def judged_teachers(config: Node, made_by: EarlierStages) -> list[str]:
    """The classes of the teachers that an evaluation ranks by."""
    checkpoint = str((config.get("student") or {}).get("checkpoint"))
    if (reference := REFERENCE.match(checkpoint)) is not None:
        nodes = [*(maker(reference, made_by)[1].get("teacher") or {}).values()]
    else:
        nodes = _saved_teachers(Path(checkpoint).expanduser().parent / SAVED)
    return [str(node.get("_target_")) for node in nodes if reads_text(node)]


def _saved_teachers(path: Path) -> list[Node]:
    """The nodes of the scorers beside the student that a training has saved; none where there is no such file."""
    try:
        roles = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [saved["config"] for role, saved in roles.items() if role != "student"]


def _deepest(measures: Any, depth: Any) -> tuple[str, int] | None:
    """(the measure that looks deepest, how many passages it looks at): one without a cut-off, or that leaves out what
    nobody judged, looks at all that are ranked; None where there are none, or they are no measures
    (which another check refuses).
    """
    import ir_measures

    try:
        params = [ir_measures.parse_measure(str(name)).params for name in measures]
    except (NameError, ValueError, SyntaxError, TypeError):
        return None
    cuts = [depth if of.get("judged_only") else of.get("cutoff", depth) for of in params]
    named = [(str(name), int(cut)) for name, cut in zip(measures, cuts, strict=True) if isinstance(cut, int)]
    return max(named, key=lambda pair: pair[1], default=None)


def _mining_problems(config: Node, made_by: EarlierStages) -> Iterator[str]:
    mining = config["mining"]
    named = "last" if "last" in mining else "depth"
    depth = mining[named]
    lists = lists_of(config.get("ranker") or {}, "ranker", made_by, depth)
    if lists is not None and isinstance(depth, int) and depth > lists.passages:
        yield f"mining.{named}={depth}: {lists.sentence}: give mining.{named}={lists.passages}, or {lists.deeper()}"
    for name in ("k", "student_window"):
        asked = mining.get(name)
        asked = asked[-1] if isinstance(asked, list) and asked else asked
        if isinstance(asked, int) and isinstance(depth, int) and asked > depth:
            yield f"mining.{name}={mining[name]} is deeper than mining.depth={depth}: give mining.depth={asked}"
    window = mining.get("teacher_window")
    lists = lists_from(mining.get("path"), made_by, window[0] if isinstance(window, list) and window else 1)
    wanted = 0 if not isinstance(window, list) or not window else window[0 if lists and lists.of_file else -1]
    if lists is not None and wanted > lists.passages:
        yield f"mining.teacher_window={window}: mining.path has lists of {lists.passages} passages: give such ranks"


def _data_problems(config: Node, made_by: EarlierStages) -> Iterator[str]:
    data = config["data"]
    windows = {
        "data": data,
        **{f"data.further[{place}]": window for place, window in enumerate(data.get("further") or [])},
    }
    for where, window in windows.items():
        ends = [window.get(name) for name in ("negatives", "first", "last")]
        if not all(type(end) is int for end in ends) or not window["negatives"]:
            continue
        ranks = window["last"] - window["first"] + 1
        if 0 < ranks < window["negatives"]:
            yield (
                f"{where}.negatives={window['negatives']}: ranks {window['first']} to {window['last']} hold {ranks}: "
                f"give fewer, or {where}.last={window['first'] + window['negatives'] - 1}"
            )
        else:
            yield from _window_problems(
                where, window, lists_from(data.get("candidates"), made_by, window["first"] + window["negatives"] - 1)
            )
    groups = [group.get("last") for group in (config.get("curriculum") or {}).get("groups") or []]
    drawn = [window.get("last") for window in windows.values() if window.get("negatives")]
    lowest = max((last for last in drawn if type(last) is int), default=0)
    if groups and all(type(last) is int for last in groups) and lowest > groups[-1]:
        yield (
            f"curriculum.groups end at rank {groups[-1]}, and data draws passages down to rank {lowest}, which would "
            f"not count: give a group with last: {lowest}, or draw no deeper than {groups[-1]}"
        )


def _window_problems(where: str, window: Node, there: Lists | None) -> Iterator[str]:
    """A window that goes beyond the lists a stage makes, or where no list of a given file has so many negatives."""
    if there is None:
        return
    needed = window["first"] + window["negatives"] - 1
    if there.of_file and needed > there.passages:
        yield (
            f"{where}.negatives={window['negatives']} from rank {where}.first={window['first']} on: {there.sentence}: "
            f"give ranks and negatives within {there.passages}, or longer lists"
        )
    elif not there.of_file and window["last"] > there.passages:
        yield (
            f"{where}.last={window['last']}: the lists of data.candidates have {there.passages} passages: give ranks "
            f"up to {there.passages}, or {there.deeper()}"
        )


def _inner_ranker_problems(node: Node, path: str, made_by: EarlierStages) -> Iterator[str]:
    """Rankers that want more of the one inside them than it gives."""
    asked = node.get("candidates_per_query", node.get("list_depth"))
    named = "candidates_per_query" if "candidates_per_query" in node else "list_depth"
    for key, inner in node.items():
        if not isinstance(inner, Mapping):
            continue
        lists = lists_of(inner, f"{path}.{key}", made_by, asked)
        if lists is not None and isinstance(asked, int) and asked > lists.passages:
            yield f"{path}.{named}={asked}: {lists.sentence}: give {path}.{named}={lists.passages}"
        yield from _inner_ranker_problems(inner, f"{path}.{key}", made_by)
