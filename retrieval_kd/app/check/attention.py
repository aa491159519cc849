"""What an arrow between words' attention asks of its two scorers: the same words on both sides, attention to see."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from retrieval_kd.app.check.required_features import features
from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.instantiate import SCORER, class_of
from retrieval_kd.batch.tokenizer_files import tokenizer_files
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.errors import UserError
from retrieval_kd.io.digests import file_digest

Node = Mapping[str, Any]
ATTENTION = "attention"


def attention_problems(objective: Any, config: Node) -> Iterator[str]:
    """Cross-encoders whose layers hide their attention, guides cut shorter than the learner, queries filled up."""
    nodes = {"student": config["student"], **roles.group(config)}
    for name, learner, guide in _arrows(objective):
        term = f"loss.terms.{name}"
        for role in dict.fromkeys((learner, guide)):
            if nodes[role].get("word_attention") is False:
                yield f"{term} reads the attention of {role}: set {roles.path(role)}.word_attention=true"
            elif "word_attention" in nodes[role] and nodes[role].get("attention") == "sdpa":
                yield f"{term} reads the attention of {role}, which sdpa hides: set {roles.path(role)}.attention=null"
        if nodes[learner].get("pad_queries"):
            yield (
                f"{term}: {roles.path(learner)}.pad_queries=true fills queries with [MASK], on which {guide} has no "
                f"attention: set {roles.path(learner)}.pad_queries=false"
            )
        joins = [nodes[role]["join"] for role in (learner, guide) if "join" in nodes[role]]
        if len(set(joins)) > 1:
            yield (
                f"{term}: {learner} and {guide} part titles from texts differently, so their words may: set "
                f"{roles.path(guide)}.join={nodes[learner].get('join')}"
            )
        for side in ("query", "passage"):
            yield from _cut_problems(term, side, (learner, nodes[learner]), (guide, nodes[guide]))


def attention_roles(objective: Any) -> frozenset[str]:
    """The roles whose attention some term reads."""
    return frozenset(role for _, learner, guide in _arrows(objective) for role in (learner, guide))


def tokenizer_problems(objective: Any, config: Node, folder_of: Callable[[Node], Path | None]) -> Iterator[str]:
    """Attention arrows between scorers whose tokenizers differ, as far as `folder_of` knows where they begin."""
    nodes = {"student": config["student"], **roles.group(config)}
    for name, learner, guide in _arrows(objective):
        one, other = folder_of(nodes[learner]), folder_of(nodes[guide])
        if one is not None and other is not None and not _same_tokenizer(one, other):
            yield _other_words(name, learner, guide)


def _same_tokenizer(one: Path, other: Path) -> bool:
    """Whether two folders make the same pieces of a text; their tokenizers are loaded only where their files differ."""
    files = [[(path.name, file_digest(path)) for path in tokenizer_files(folder)] for folder in (one, other)]
    return files[0] == files[1] or vocabulary(str(one)).digest == vocabulary(str(other)).digest


def _other_words(name: str, learner: str, guide: str) -> str:
    return (
        f"loss.terms.{name} compares the attention of {learner} and {guide}, and their tokenizers differ: give "
        f"{roles.path(guide)} and {roles.path(learner)} backbones with one tokenizer, or leave the term out "
        f"with loss.terms.{name}.weight=0"
    )


def refuse_other_words(objective: Any, scorers: Mapping[str, Any]) -> None:
    """Raises UserError where an attention arrow's scorers have different tokenizers, so that their words differ."""
    for name, learner, guide in _arrows(objective):
        one, other = ({form.tokenizer for form in scorers[role].tokenisations()} for role in (learner, guide))
        if one != other:
            raise UserError(_other_words(name, learner, guide))


def _arrows(objective: Any) -> Iterator[tuple[str, str, str]]:
    """(term, learner, guide) of the terms that want attention of both."""
    for name, term in objective.terms.items():
        if term.guide is not None and all(ATTENTION in of for of in features(objective, term).values()):
            yield name, objective.source(term.learner), objective.source(term.guide)


def _cut_problems(term: str, side: str, learner: tuple[str, Node], guide: tuple[str, Node]) -> Iterator[str]:
    """A guide that reads fewer words of a text than the learner does."""
    (name, node), (other, guiding) = learner, guide
    key = f"{side}_length"
    if key not in node or key not in guiding:
        return
    needed = node[key] - _specials(node, side) + _specials(guiding, side)
    if guiding[key] < needed:
        theirs, own = f"{roles.path(other)}.{key}", f"{roles.path(name)}.{key}={node[key]}"
        yield (
            f"{term}: {theirs}={guiding[key]} cuts a {side} shorter than {own}, so words lack their attention: set "
            f"{theirs}={needed}"
        )


def _specials(node: Node, side: str) -> int:
    """The tokens of a side that are no words; a marker counts as one, though it may be several."""
    scorer: Any = class_of(node, SCORER)
    if scorer.reads_pairs:
        return 2 if side == "query" else int(bool(node.get("close", True)))
    marked = bool(node.get(f"{side}_marker")) and node.get("marker_at") != "first"
    return 1 + bool(node.get("close", True)) + marked
