"""What all sides of a row read: a collection with judged queries, lists, a teacher's scores, and the batches of steps.

Our own sampling decides which lists a step has; the peers get the same ones as texts, in the same order.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.speed.ours.opened import corpus_of, lists_module, student_of
from experiments.speed.places import WORK
from experiments.speed.texts import words, written
from retrieval_kd.io.atomic import atomic_folder
from retrieval_kd.text.corpus import Corpus
from retrieval_kd.text.run import Run

_PASSAGES, _QUERIES = 8192, 2048  # of the made-up collection


def task(texts: str, model: Path, settings: Mapping[str, Any], steps: int, path: Path | None) -> Path:
    """The folder of a task, made once: corpus.json, candidates.trec, scores.trec, steps.json, run.jsonl."""
    size = f"{settings['queries_per_step']}x{settings['passages_per_query']}-{steps}-{model.name}"
    if texts == "synthetic":
        path = atomic_folder(WORK / "synthetic", lambda folder: _synthetic(folder, model))
    return atomic_folder(WORK / f"task-{texts}-{size}", lambda folder: _write(folder, path, model, settings, steps))


def _synthetic(folder: Path, model: Path) -> None:
    """A collection in BEIR's layout: query n asks for passage n."""
    vocabulary = words(model)
    passages = {f"p{n}": text for n, text in enumerate(written(_PASSAGES, vocabulary, seed=0))}
    queries = {f"q{n}": text for n, text in enumerate(written(_QUERIES, vocabulary, seed=0, queries=True))}
    for name, texts in (("corpus", passages), ("queries", queries)):
        rows = (json.dumps({"_id": key, "title": "", "text": text}) + "\n" for key, text in texts.items())
        (folder / f"{name}.jsonl").write_text("".join(rows))
    (folder / "qrels").mkdir()
    rows = "".join(f"q{n}\tp{n}\t1\n" for n in range(_QUERIES))
    (folder / "qrels" / "train.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}")


def _write(folder: Path, path: Path | None, model: Path, settings: Mapping[str, Any], steps: int) -> None:
    (folder / "corpus.json").write_text(json.dumps({"path": None if path is None else str(path)}))
    corpus = corpus_of(folder)
    _runs(folder, corpus, settings["passages_per_query"])
    told = {"task": str(folder), "model": str(model), **settings}
    module = lists_module(told, corpus, student_of(told), steps, stored=True)
    names, collate = module.queries, module.collate()
    batches = [collate(step) for step in range(steps)]
    numbers = np.stack([batch.query_id.numpy() for batch in batches])
    scores = [next(iter(batch.stored.values())).tolist() for batch in batches]
    plain = {
        "queries": [[corpus.queries[names[at]] for at in row] for row in numbers.tolist()],
        "passages": [
            [[corpus.collection.at(at).words for at in row] for row in batch.passage_id.tolist()] for batch in batches
        ],
        "scores": scores,
        "tokens": [_real_tokens(batch) for batch in batches],
    }
    (folder / "steps.json").write_text(json.dumps(plain))
    _run_with_texts(folder / "run.jsonl", plain)


def _runs(folder: Path, corpus: Corpus, passages_per_query: int) -> None:
    """Lists and scores from a seeded generator: the time of a step depends on lengths alone."""
    chance, names = np.random.default_rng(0), list(corpus.collection.ids)
    candidates: dict[str, list[tuple[str, float]]] = {}
    scores: dict[str, list[tuple[str, float]]] = {}
    for query in corpus.splits["train"]:
        relevant = list(corpus.judgments.relevant(query))
        drawn = chance.choice(len(names), passages_per_query + len(relevant), replace=False)
        others = [names[at] for at in drawn if names[at] not in relevant][: passages_per_query - 1]
        candidates[query] = [(name, float(-rank)) for rank, name in enumerate(others)]
        scores[query] = [(name, float(chance.normal(0, 2))) for name in (*relevant, *others)]
    Run.of(candidates).write(folder / "candidates.trec")
    Run.of(scores).write(folder / "scores.trec")


def _real_tokens(batch: Any) -> int:
    """Tokens of the step's distinct texts."""
    (texts,) = batch.texts.values()
    seen = {
        tuple(ids[mask].tolist())
        for side in (texts.query, texts.passage.flat())
        for ids, mask in zip(side.ids, side.mask, strict=True)
    }
    return sum(map(len, seen))


def _run_with_texts(path: Path, steps: Mapping[str, Any]) -> None:
    """lightning-ir's run file with texts: a row a passage; queries are named by the place that they are read at."""
    rows = []
    for step, (queries, lists, scores) in enumerate(
        zip(steps["queries"], steps["passages"], steps["scores"], strict=True)
    ):
        for place, (query, passages, values) in enumerate(zip(queries, lists, scores, strict=True)):
            name = f"{step:06d}-{place:04d}"
            for rank, (text, score) in enumerate(zip(passages, values, strict=True), 1):
                row = {"query_id": name, "doc_id": f"{name}-{rank}", "rank": rank, "score": score}
                rows.append(json.dumps({**row, "query": query, "text": text}))
    path.write_text("\n".join(rows) + "\n")
