"""A collection of texts of every length, and lists of every length, so that no two ranks have tensors of one size."""

import json
from pathlib import Path

import numpy as np

from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.corpus import open_corpus
from retrieval_kd.text.run import Run
from tests.distil.training import Ground

WORDS = [f"{first}{second}" for first in "bdfgklmnpr" for second in ("a", "e", "i", "o")]
QUERIES, PASSAGES = 16, 30


def write_ragged(folder: Path) -> None:
    """Write 30 passages of 1 to 30 words, 16 train queries of 1 to 8 words, and lists of 0 to 9 candidates."""
    chance = np.random.default_rng(7)

    def text(length: int) -> str:
        return " ".join(WORDS[place] for place in chance.integers(len(WORDS), size=length))

    passages = [{"_id": f"p{n}", "title": "", "text": text(n + 1)} for n in chance.permutation(PASSAGES)]
    queries = [{"_id": f"q{n}", "text": text(n % 8 + 1)} for n in range(QUERIES)]
    (folder / "beir/qrels").mkdir(parents=True)
    for name, rows in (("corpus", passages), ("queries", queries)):
        (folder / f"beir/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judged = "".join(f"q{n}\tp{n}\t1\n" for n in range(QUERIES))
    (folder / "beir/qrels/train.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    write_tiny(folder / "backbone", WORDS, layers=2, dim=16, heads=2)
    lists = {
        f"q{n}": [(f"p{m}", float(chance.normal())) for m in chance.permutation(PASSAGES)[: n % 10]]
        for n in range(QUERIES)
    }
    Run.of(lists).write(folder / "candidates.trec")
    scores = {f"q{n}": [(f"p{m}", float(chance.normal())) for m in range(PASSAGES) if m % 7] for n in range(QUERIES)}
    Run.of(scores).write(folder / "scores.trec")


def ragged_ground(folder: Path, artifacts: Path) -> Ground:
    """What was written, opened; `artifacts` is this process's own."""
    source = Beir(path=folder / "beir", drop_same_id=False, dev_fraction=0.0)
    return Ground(open_corpus(source, artifacts), folder / "candidates.trec", folder / "backbone", artifacts)
