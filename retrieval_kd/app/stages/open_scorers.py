"""From config nodes to scorers: weights loaded, heads seeded, encoders tied."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from retrieval_kd.app.plan.instantiate import SCORER, build
from retrieval_kd.encoders.weights import locate
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.ensemble import Ensemble
from retrieval_kd.scorers.record import WRITING, Form
from retrieval_kd.scorers.scorer import Scorer

PASSAGES_OF = "passages_of"  # of a student's node: the role whose scorer reads its passages
_ATTENTION = "word_attention"
MEMBERS = "members"  # of an ensemble's node: its scorers by name


def open_scorer(node: Mapping[str, Any], *, seed: int, trained: bool = False, **arguments: Any) -> Scorer:
    """One scorer with the weights that its node names; a head that they lack is drawn from the seed.

    An ensemble's members are opened each by itself. Raises UserError if a scorer must be `trained` and its head is not
    among the weights: it would teach noise.
    """
    import torch

    if MEMBERS in node:
        return _ensemble(node, seed=seed, trained=trained)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        scorer: Scorer = build(dict(node), SCORER, **arguments)
    source, head = node.get("checkpoint") or node.get("backbone"), scorer.head()
    if source is None:
        return scorer
    owns_encoders = "towers" not in arguments  # (a scorer that reads through another's opens no folder)
    head_loaded = owns_encoders and scorer.load_head(locate(str(source)))
    if trained and not head_loaded and head is not None and any(True for _ in head.parameters()):
        raise UserError(
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
    attention_roles: Collection[str] = (),
) -> dict[str, Scorer]:
    """Every role's scorer; tied roles read through the encoders of the first; who does not learn was trained.

    `attention_roles` show their words' attention where their option leaves that open.
    """
    nodes = {
        role: _with_attention(node, role in attention_roles) for role, node in {"student": student, **teachers}.items()
    }
    first = student.get(PASSAGES_OF) or next(iter(tied), "student")  # whom others read through is there before them
    scorers: dict[str, Scorer] = {}
    for role in sorted(nodes, key=lambda role: role != first):
        arguments: dict[str, Any] = {}
        if role in tied[1:]:
            first_tied = scorers[tied[0]]
            arguments, nodes[role] = {"towers": _towers(first_tied)}, written_as(nodes[role], first_tied.form)
        if role == "student" and student.get(PASSAGES_OF) in scorers:
            arguments = {"passages": scorers[student[PASSAGES_OF]]}
        scorers[role] = open_scorer(nodes[role], seed=_seed(seed, role), trained=role not in learners, **arguments)
    return scorers


def open_student(student: Mapping[str, Any], teachers: Mapping[str, Any], *, seed: int) -> Scorer:
    """A student outside training, with the teacher's scorer that reads its passages where it has none of its own."""
    role = str(student.get(PASSAGES_OF))
    arguments: dict[str, Any] = {"passages": open_scorer(teachers[role], seed=seed)} if role in teachers else {}
    return open_scorer(student, seed=seed, **arguments)


def written_as(node: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """The node of a tied role: what it leaves open of how texts are written is as whom it reads through writes them."""
    return {**node, **{key: form[key] for key in WRITING if key in form and key in node and node[key] is None}}


def with_form(node: Mapping[str, Any], scorer: Scorer) -> dict[str, Any]:
    """The node of a scorer that is open, with its form in the place of what it left open; members', too."""
    if isinstance(scorer, Ensemble):
        members = {name: with_form(member, scorer.member(name)) for name, member in node[MEMBERS].items()}
        return {**node, MEMBERS: members}
    return {**node, **scorer.form}


def _ensemble(node: Mapping[str, Any], *, seed: int, trained: bool) -> Scorer:
    members = {
        name: open_scorer(member, seed=_seed(seed, name), trained=trained) for name, member in node[MEMBERS].items()
    }
    make = build({key: value for key, value in node.items() if key != MEMBERS}, SCORER, partial=True)
    ensemble: Scorer = make(members=members)
    return ensemble


def _with_attention(node: Mapping[str, Any], shows: bool) -> Mapping[str, Any]:
    return {**node, _ATTENTION: True} if shows and _ATTENTION in node and node[_ATTENTION] is None else node


def _towers(scorer: Scorer) -> Any:
    return scorer.get_submodule("towers")


def _seed(seed: int, role: str) -> int:
    """A seed of its own for each role, so that a head does not depend on who else is built."""
    return int.from_bytes(hashlib.sha256(f"{seed} {role}".encode()).digest()[:7], "big")
