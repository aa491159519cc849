"""`retrieval-kd data PATH`: what a collection is taken for, what it holds, what is wrong, and how to train on it."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from retrieval_kd.batch.store import tokenise
from retrieval_kd.encoders.weights import encoder_within, locate
from retrieval_kd.text.copies import text_keys
from retrieval_kd.text.corpus import Corpus, Source, open_corpus
from retrieval_kd.text.split import near_pairs, words

_SAMPLE = 2000  # texts whose lengths and likeness are looked at
_EXAMPLES, _SHOWN = 3, 160  # examples, and characters of each text
LIMITS = {"query": 64, "passage": 256}  # tokens that the default student reads, special ones included
Report = dict[str, Any]


def data_report(source: Source, path: str, *, command: str, backbone: str) -> Report:
    """Plain values: `recognised`, `counts`, `tokens`, `examples`, `duplicates`, `overlap`, `remarks`, `train`.

    `command` are the overrides by which it is read. Raises UserError where nothing is read there. Lengths and near
    copies are those of at most 2 000 texts.
    """
    with tempfile.TemporaryDirectory() as folder:
        corpus = open_corpus(source, folder)
        report: Report = {
            "path": path,
            "recognised": dict(corpus.about),
            "counts": _counts(corpus),
            "tokens": _tokens(corpus, backbone),
            "examples": list(_examples(corpus)),
            "duplicates": _duplicates(corpus),
            "overlap": _overlap(corpus),
        }
    report["remarks"] = list(_remarks(report))
    report["train"] = _command(command, judged="train" in report["counts"]["judged queries"])
    return report


def _counts(corpus: Corpus) -> Mapping[str, Any]:
    grades = [len(corpus.judgments.relevant(name)) for names in corpus.splits.values() for name in names]
    return {
        "passages": len(corpus.collection),
        "queries": len(corpus.queries),
        "judged queries": {split: len(names) for split, names in corpus.splits.items()},
        "queries without judgments": len(corpus.unjudged),
        "relevant passages a judged query": round(sum(grades) / len(grades), 2) if grades else None,
    }


def _evenly(count: int) -> range:
    return range(0, count, max(1, -(-count // _SAMPLE)))


def _tokens(corpus: Corpus, backbone: str) -> Mapping[str, Any]:
    """Tokens a text, special ones aside, and the share that the default student would cut."""
    folder = str(encoder_within(locate(backbone)))
    names = list(corpus.queries)
    texts = {
        "query": [corpus.queries[names[at]] for at in _evenly(len(names))],
        "passage": [corpus.collection.at(at).words for at in _evenly(len(corpus.collection))],
    }
    lengths = {kind: np.diff(tokenise(some, folder).offsets) for kind, some in texts.items()}
    return {
        kind: {
            "median": int(np.median(of)),
            "95 % have at most": int(np.quantile(of, 0.95)),
            "most": int(of.max()),
            "cut at": LIMITS[kind],
            "share that is cut": round(float((of + 2 > LIMITS[kind]).mean()), 3),
        }
        for kind, of in lengths.items()
    }


def _examples(corpus: Corpus) -> Iterator[Mapping[str, Any]]:
    names = [name for split in corpus.splits.values() for name in split] or list(corpus.unjudged)
    for name in names[:: max(1, len(names) // _EXAMPLES)][:_EXAMPLES]:
        relevant = list(corpus.judgments.relevant(name))
        passage = corpus.collection[relevant[0]] if relevant else None
        yield {"query": _short(corpus.queries[name]), "relevant": None if passage is None else _short(passage.words)}


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]}…"


def _duplicates(corpus: Corpus) -> Mapping[str, int]:
    count = len(corpus.collection)
    equal = count - len(np.unique(text_keys(corpus.collection)))
    near = list(near_pairs([corpus.collection.at(at).words for at in _evenly(count)]))
    queries = Counter(words(text) for text in corpus.queries.values())
    return {
        "passages with the words of another": int(equal),
        "near copies among the passages looked at": len(near),
        "queries with the words of another": sum(times - 1 for times in queries.values()),
    }


def _overlap(corpus: Corpus) -> Mapping[str, int]:
    """What train shares with test: passages relevant in both. Train queries with a test query's words are left out."""
    relevant = {
        split: {passage for name in names for passage in corpus.judgments.relevant(name)}
        for split, names in corpus.splits.items()
    }
    return {
        "train queries left out, with the words of a dev or test query": int(
            corpus.about.get("queries left out of train", "0")
        ),
        "passages relevant in train and in test": len(relevant.get("train", set()) & relevant.get("test", set())),
    }


def _remarks(report: Report) -> Iterator[str]:
    """What whoever trains on it should know."""
    counts, tokens = report["counts"], report["tokens"]
    judged = counts["judged queries"]
    if not judged:
        yield "no query is judged: only a teacher can say what is relevant, and measures are agreement with it"
    for split in ("dev", "test"):
        if judged and not judged.get(split):
            yield f"no {split} queries: nothing is measured there"
        elif judged and judged[split] < 50:
            yield f"{judged[split]} {split} queries: differences below some .05 of nDCG@10 cannot be told from chance"
    for kind, of in tokens.items():
        if of["share that is cut"] > 0.05:
            share = f"{of['share that is cut']:.0%}"
            cut = f"{share} of {kind} texts are cut at {of['cut at']} tokens"
            yield f"{cut}: give student.{kind}_length, or shorter texts"
    if (equal := report["duplicates"]["passages with the words of another"]) > 0.01 * counts["passages"]:
        yield f"{equal} passages repeat another one's words: copies of a relevant passage are never its negatives"


def _command(overrides: str, *, judged: bool) -> str:
    """How to train on it; `overrides` are those by which it was read."""
    rest = "teacher=colbert loss=self_otf" if judged else "teacher=dual teacher.dual.backbone=<a model> loss=aligned"
    return f"python train.py {overrides} {rest}"


def lines_of(report: Report) -> Sequence[str]:
    """The report for people."""
    lines = [f"{report['path']}: {report['recognised'].get('recognised', report['recognised'].get('reader', ''))}", ""]
    for title in ("counts", "tokens", "duplicates", "overlap"):
        for name, value in report[title].items():
            shown = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value
            lines.append(f"{name}: {shown if shown not in (None, '') else 'none'}")
    for one in report["examples"]:
        lines += ["", f"query:    {one['query']}", f"relevant: {one['relevant'] or 'nobody judged'}"]
    return [*lines, "", *(f"note: {remark}" for remark in report["remarks"]), "", f"next: {report['train']}"]
