"""Which column of a table holds what, guessed from its names; what the user gives goes before."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from retrieval_kd.errors import UserError

# what a column may hold → names that tell of it, the surest first; spaces, dashes and capitals do not count
_NAMES: dict[str, tuple[str, ...]] = {
    "query": ("query", "queries", "query_text", "question", "questions", "anchor", "q", "search", "search_query"),
    "positive": (
        "positive",
        "positives",
        "positive_passages",
        "positive_ctxs",
        "positive_passage",
        "pos",
        "pos_doc",
        "pos_docs",
        "relevant",
        "passage",
        "document",
        "doc",
        "context",
        "chunk",
        "answer",
        "answers",
        "response",
        "text",
        "content",
        "body",
    ),
    "negative": (
        "negative",
        "negatives",
        "negative_passages",
        "hard_negative",
        "hard_negatives",
        "hard_negative_ctxs",
        "negative_ctxs",
        "neg",
        "neg_doc",
        "neg_docs",
    ),
    "score": ("score", "scores", "label", "grade", "relevance", "similarity"),
    "query_id": ("query_id", "queryid", "qid", "question_id"),
    "passage_id": ("passage_id", "passageid", "pid", "doc_id", "docid", "document_id", "corpus_id"),
    "title": ("title", "heading", "headline"),
    "id": ("_id", "id"),
}
_TEXTS = ("text", "content", "contents", "body", "passage", "document", "doc", "chunk", "abstract", "description")
_NUMBERED_NEGATIVE = re.compile(r"(?:hard_)?neg(?:ative)?_?\d+")
ROLES = ("query", "positive", "negative", "score", "query_id", "passage_id", "title", "text", "id")


class Columns(NamedTuple):
    """What the columns of a table hold. With a query: what it asks, its relevant passages and others; without: a text
    a row. `negatives` may be several.
    """

    query: str | None = None
    positive: str | None = None
    negatives: tuple[str, ...] = ()
    score: str | None = None
    query_id: str | None = None
    passage_id: str | None = None
    title: str | None = None
    text: str | None = None

    def description(self) -> str:
        """Which column is what, in words."""
        named = {role: column for role, column in self._asdict().items() if column and role != "negatives"}
        named |= {"negatives": ", ".join(self.negatives)} if self.negatives else {}
        return ", ".join(role if role == column else f"{role}: {column}" for role, column in named.items())


def guessed(names: Sequence[str], by_user: Mapping[str, str | Sequence[str]], *, where: str) -> Columns:
    """What the columns hold: what the user gives, else what their names tell. Raises UserError where they tell of no
    text, and for a column that is not there.
    """
    _check(names, by_user, where)
    plain = {_plain(name): name for name in reversed(names)}
    free = {key: name for key, name in plain.items() if name not in _listed(by_user.values())}

    def column_of(role: str) -> str | None:
        if role in by_user:
            return str(by_user[role]) if by_user[role] else None
        return next((free.pop(name) for name in _NAMES[role] if name in free), None)

    query, identified = column_of("query"), {role: column_of(role) for role in ("query_id", "passage_id", "title")}
    own_id = column_of("id")
    unread = ("positive", "negative", "score", "query_id") if query is None else ("text", "id")
    if named := [role for role in unread if by_user.get(role)]:
        other = "no column holds queries: give corpus.columns.query too" if query is None else "a column holds queries"
        raise UserError(f"corpus.columns.{named[0]} has no effect in {where}, where {other}")
    if query is None:
        text = (
            str(by_user["text"]) if by_user.get("text") else next((free[name] for name in _TEXTS if name in free), None)
        )
        text = text or identified["title"]
        if text is None:
            raise UserError(_no_text_message(names, where))
        title = None if text == identified["title"] else identified["title"]
        return Columns(text=text, title=title, passage_id=identified["passage_id"] or own_id)
    positive = column_of("positive")
    negatives = tuple(_listed([by_user["negative"]])) if by_user.get("negative") else _negatives(free)
    return Columns(
        query,
        positive,
        negatives,
        column_of("score"),
        identified["query_id"] or (None if "query_id" in by_user else own_id),
        identified["passage_id"],
        identified["title"],
    )


def _negatives(free: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for key, name in free.items() if key in _NAMES["negative"] or _NUMBERED_NEGATIVE.fullmatch(key))


def _plain(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().casefold())


def _listed(values: Iterable[str | Sequence[str]]) -> list[str]:
    return [name for value in values for name in ([value] if isinstance(value, str) else value or [])]


def _check(names: Sequence[str], by_user: Mapping[str, str | Sequence[str]], where: str) -> None:
    if several := [role for role, name in by_user.items() if role != "negative" and not isinstance(name, str | None)]:
        raise UserError(f"corpus.columns.{several[0]}: give one column; negative alone takes several")
    if unknown := [role for role in by_user if role not in ROLES]:
        raise UserError(f"corpus.columns.{unknown[0]}: a column holds one of {', '.join(ROLES)}")
    if absent := [name for name in _listed(by_user.values()) if name not in names]:
        raise UserError(f"{where} has no column {absent[0]!r}; it has {', '.join(names) or 'none'}")


def _no_text_message(names: Sequence[str], where: str) -> str:
    listed = ", ".join(name[:40] for name in names[:12]) or "none"
    return (
        f"{where}: no column's name tells of a query or a text; its columns are: {listed}. Say which is which, as in "
        "'corpus.columns={query: my_column, positive: other}' or 'corpus.columns={text: my_column}'; a CSV or TSV "
        "without a first line of names: corpus.header=[query,positive]"
    )
