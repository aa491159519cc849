"""From config nodes to scorers: weights loaded, heads seeded, encoders tied."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from retrieval_kd.app.build import build
from retrieval_kd.encoders.weights import locate
from retrieval_kd.scorers.scorer import Scorer
from retrieval_kd.text.fault import Fault


def open_scorer(node: Mapping[str, Any], *, seed: int, trained: bool = False, **given: Any) -> Scorer:
    """One scorer with the weights that its node names; a head that they lack is drawn from the seed.

    Raises Fault if the scorer must be `trained` and its head is not among the weights: it would teach noise.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        scorer: Scorer = build(dict(node), **given)
    source, head = node.get("checkpoint") or node.get("backbone"), scorer.head()
    if source is None or head is None or not any(True for _ in head.parameters()):
        return scorer
    if not scorer.load_head(locate(str(source))) and trained:
        raise Fault(
            f"{source} has no head of a {scorer.kind} scorer, so its scores would be noise: give one that was "
            "trained as such"
        )
    return scorer


def open_all(
    student: Mapping[str, Any],
    teachers: Mapping[str, Any],
    *,
    tied: Sequence[str],
    learners: Collection[str],
    seed: int,
) -> dict[str, Scorer]:
    """Every role's scorer; tied roles read through the encoders of the first; who does not learn was trained."""
    nodes = {"student": student, **teachers}
    scorers: dict[str, Scorer] = {}
    for role in sorted(nodes, key=lambda role: role != (tied[0] if tied else "student")):
        given = {"towers": _towers(scorers[tied[0]])} if role in tied[1:] else {}
        scorers[role] = open_scorer(nodes[role], seed=_seed(seed, role), trained=role not in learners, **given)
    return scorers


def _towers(scorer: Scorer) -> Any:
    return scorer.get_submodule("towers")


def _seed(seed: int, role: str) -> int:
    """A seed of its own for each role, so that a head does not depend on who else is built."""
    return int.from_bytes(hashlib.sha256(f"{seed} {role}".encode()).digest()[:7], "big")
