"""Runs and files of scores that are none, or are of something else."""

import gzip
from collections.abc import Callable, Sequence

from tests.bad_inputs.row import Given, Place, Row, fifo

DATA = "data.candidates"
RANKER = "+at.mined.ranker.path"
SHORT = ("mining.last=1", "data.last=1")  # lists of one passage
LINE = "q0 Q0 p1 1 2.5 name\n"
NEEDS = ("teacher=stored", "loss=listwise_kl")
Content = str | bytes


def _run(content: Content) -> Given:
    """A run to draw lists from."""
    return lambda place: [f"{DATA}={place.file('run.trec', content)}", "stage=train"]


def _ranked(content: Content) -> Given:
    """A run as the ranker of an evaluation and of mining."""
    return lambda place: ["+at.mined.ranker=run_file", *SHORT, f"{RANKER}={place.file('run.trec', content)}"]


def _scores(content: Content, *more: str, name: str = "scores.tsv") -> Given:
    return lambda place: [*NEEDS, f"teacher.stored.file={place.file(name, content)}", *more]


def _at(words: Sequence[str], path: Callable[[Place], object]) -> Given:
    """The words, of which the last ends with a path."""
    return lambda place: [*words[:-1], f"{words[-1]}={path(place)}"]


PLACES = {
    "run": [DATA],
    "ranker": ["+at.mined.ranker=run_file", RANKER],
    "reranked": ["ranker=rerank_run", "ranker.candidates.path"],
    "scores": [*NEEDS, "teacher.stored.file"],
}
BAD_RUNS: tuple[tuple[str, Content, str], ...] = (
    ("five_columns", "q0 Q0 p1 1 2.5\n", "run.trec:1"),
    ("no_number", "q0 Q0 p1 1 much name\n", "run.trec:1"),
    ("nan", "q0 Q0 p1 1 nan name\n", "run.trec:1"),
    ("too_great", "q0 Q0 p1 1 1e400 name\n", "run.trec:1"),
    ("underscore", "q0 Q0 p1 1 1_0 name\n", "run.trec:1"),
    ("passage_twice", LINE * 2, "run.trec:2"),
    ("unknown_passage", "q0 Q0 nowhere 1 2.5 name\n", "nowhere"),
    ("unknown_queries", "nobody Q0 p1 1 2.5 name\n", "run.trec"),
    ("empty", "", "run.trec"),
    ("binary", bytes(range(256)) * 9, "run.trec:"),
    ("utf16", LINE.encode("utf-16"), "run.trec:1"),
    ("half_gzip", gzip.compress(LINE.encode() * 99)[:30], "run.trec"),
)
BAD_SCORES: tuple[tuple[str, Content, str], ...] = (
    ("empty", "", "scores.tsv"),
    ("no_layout", "what is this\n", "scores.tsv:1"),
    ("two_layouts", "q0\tp1\t2.5\n" + LINE, "scores.tsv:2"),
    ("nan", "q0\tp1\tnan\n", "scores.tsv:1"),
    ("inf", "q0\tp1\tinf\n", "scores.tsv:1"),
    ("too_great", "q0\tp1\t1e39\n", "scores.tsv:1"),
    ("no_number", "q0\tp1\t2.5\nq0\tp2\tmuch\n", "scores.tsv:2"),
    ("late_nan", "q0\tp1\t2.5\n" * 20 + "q0\tp2\tnan\n", "scores.tsv:21"),
    ("two_scores", "q0\tp1\t2.5\nq0\tp1\t3.5\n", "scores.tsv:2"),
    ("foreign", "nobody\tnowhere\t2.5\n", "scores.tsv"),
    ("unequal_lists", '{"query_id": "q0", "passage_ids": ["p1", "p2"], "scores": [1]}\n', "scores.tsv:1"),
    ("lists_of_texts", '{"query_id": "q0", "passage_ids": ["p1"], "scores": ["a"]}\n', "scores.tsv:1"),
    ("lists_without_query", '{"passage_ids": ["p1"], "scores": [1]}\n', "scores.tsv:1"),
    ("binary", bytes(range(256)) * 9, "scores.tsv:"),
    ("utf16", "q0\tp1\t2.5\n".encode("utf-16"), "scores.tsv:1"),
    ("half_gzip", gzip.compress(LINE.encode() * 99)[:30], "scores.tsv"),
)
ROWS = (
    *(Row(f"{name}_nowhere", _at(words, lambda place: "/nowhere/at/all"), ("/nowhere/at/all", "give"),
          quick=name in ("run", "scores")) for name, words in PLACES.items()),
    *(Row(f"{name}_is_a_folder", _at(words, lambda place: place.inputs), ("inputs", "folder"))
      for name, words in PLACES.items()),
    *(Row(f"{name}_is_a_fifo", _at(words, lambda place: fifo(place.inputs / "pipe")), ("pipe", "give a file"),
          quick=name == "run") for name, words in PLACES.items()),
    *(Row(f"run_{name}", _run(content), (where,), quick=name in ("five_columns", "unknown_passage"))
      for name, content, where in BAD_RUNS),
    *(Row(f"ranker_{name}", _ranked(content), (where,)) for name, content, where in BAD_RUNS),
    *(Row(f"scores_{name}", _scores(content), (where,), quick=name in ("no_layout", "nan"))
      for name, content, where in BAD_SCORES),
    Row("scores_of_another_layout", _scores(LINE, "teacher.stored.layout=triples"), ("scores.tsv:1", "triples")),
    Row("scores_no_such_layout", _scores(LINE, "teacher.stored.layout=quads"), ("layout", "triples")),
    Row("scores_not_probabilities", _scores("q0\tp1\t2.5\n", "teacher.stored.given=probabilities"),
        ("given=probabilities", "scores.tsv")),
    Row("scores_no_such_missing", _scores(LINE, "teacher.stored.missing=guess"), ("missing", "drop")),
    Row("scores_not_given", [*NEEDS], ("teacher.stored.file", "give")),
    Row("scores_scale_nan", _scores(LINE, "teacher.stored.scale=nan"), ("scale", "give")),
    Row("scores_dark", _scores(LINE, "data=dark"), ("data.dark", "data=sampled")),
    Row("confusing_nowhere", ["mining=confusing", "mining.path=/nowhere/at/all"], ("/nowhere/at/all",)),
    Row("confusing_no_run", _at(["mining=confusing", "mining.path"], lambda place: place.file("run.trec", "a b")),
        ("run.trec:1",)),
)  # fmt: skip
