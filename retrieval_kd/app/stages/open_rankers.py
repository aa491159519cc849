"""From config nodes to rankers: each gets the scorer and the folders that no config can hold."""

import inspect
from collections.abc import Mapping
from typing import Any

from retrieval_kd.app.cli.process_env import local_rank
from retrieval_kd.app.cli.schema import HALVES
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.stages.open_scorers import open_student
from retrieval_kd.app.stages.work import Work
from retrieval_kd.ranking.exclude_query import excluding_query
from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.scorers.scorer import Scorer

_TOKENS_PER_GROUP = {"cpu": 1024, "cuda": 65536}  # read at once without gradients, padding included


def open_ranker(
    node: Mapping[str, Any], config: Mapping[str, Any], work: Work, *, seed: int, but_itself: bool
) -> Ranker:
    """The ranker that a node describes, with the student of a stage's config where it has one. `but_itself`: no list
    may hold the passage whose id is the query's.
    """
    student, scorer = config.get("student"), None
    if student is not None:
        scorer = placed(open_student(student, config.get("teacher") or {}, seed=seed), config, work.machine)
    of_scorer = {} if scorer is None else {"scorer": scorer, "tokens_per_group": tokens_per_group(scorer)}
    return ranker_of(node, {**of_scorer, "artifacts": work.artifacts, "scratch": work.scratch}, but_itself=but_itself)


def ranker_of(
    node: Mapping[str, Any], arguments: Mapping[str, Any], *, but_itself: bool = False, named: str = ""
) -> Ranker:
    """A ranker, inner ones first; each gets what of `arguments` its signature names, and is `named` after its place."""
    parts = {key: value for key, value in node.items() if isinstance(value, Mapping)}
    inner = {
        key: ranker_of(value, arguments, but_itself=but_itself, named=f"{named}.{key}") for key, value in parts.items()
    }
    make = build({key: value for key, value in node.items() if key not in inner}, "ranker", partial=True)
    wanted = inspect.signature(make.func).parameters
    available = {"named": named, **arguments}
    ranker: Ranker = make(**inner, **{key: value for key, value in available.items() if key in wanted})
    return excluding_query(ranker, drop_same_id=but_itself and not inner)


def placed(scorer: Scorer, config: Mapping[str, Any], machine: Mapping[str, Any]) -> Scorer:
    """The scorer where the machine's option wants it, its encoders in the precision that a stage's config says."""
    import torch

    from retrieval_kd.encoders.encoder import TextEncoder

    half = HALVES.get(config.get("precision") or "")
    for part in scorer.modules():
        if isinstance(part, TextEncoder):
            part.computes_in = None if half is None else getattr(torch, half)
    gpu = machine.get("accelerator", "auto") != "cpu" and torch.cuda.is_available()
    return scorer.to(f"cuda:{local_rank() % torch.cuda.device_count()}" if gpu else "cpu")


def tokens_per_group(scorer: Scorer) -> int:
    """How many tokens the scorer reads at once when no gradient is asked for."""
    device = next((part.device.type for part in scorer.parameters()), "cpu")
    return _TOKENS_PER_GROUP[device]


def teacher_ranker(
    scorer: Scorer, evaluation: Mapping[str, Any], work: Work, *, passages: int, role: str, but_itself: bool
) -> Ranker:
    """How a teacher ranks: dual by search, late by every passage if they are few; else by re-ranking candidates."""
    from retrieval_kd.ranking.dense import Dense
    from retrieval_kd.ranking.late import Late
    from retrieval_kd.ranking.rerank import Rerank

    tokens = tokens_per_group(scorer)
    arguments: dict[str, Any] = {"scorer": scorer, "artifacts": work.artifacts, "tokens_per_group": tokens}
    places: dict[str, Any] = {"scratch": work.scratch, "named": role}
    if scorer.exhaustive == "always":
        return excluding_query(Dense(**arguments, **places), drop_same_id=but_itself)
    if scorer.exhaustive == "small" and passages <= evaluation["exhaustive"]:
        return excluding_query(Late(**arguments, **places), drop_same_id=but_itself)
    place, inner = f"{role}.candidates", {**arguments, "scratch": work.scratch}
    candidates = {
        "candidates": ranker_of(evaluation["candidates"], inner, but_itself=but_itself, named=place),
        "candidates_per_query": evaluation["candidates_per_query"],
    }
    return (Late if scorer.exhaustive == "small" else Rerank)(**arguments, **candidates, **places)
