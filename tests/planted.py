"""A small collection with an answer that only training can find, and a backbone over its words.

There are 16 concepts. A concept has words that passages use and synonyms of them that queries use, never the other way
round. Each of the 120 pairs of concepts has a passage, which says both in passage words; a query says a pair in query
words, with one word beside them that stands in passages, but in none that is relevant to it. So BM25 brings lists and
never the right passage, and what a student learns of concepts in train holds for pairs that it never saw.
"""

import itertools
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.run import Run

CONCEPTS = 16
PAIRS = tuple(itertools.combinations(range(CONCEPTS), 2))  # passage n is about PAIRS[n]
TWIN = "p0twin"  # the same words as p0, and judged relevant with it to the query q0
SHARED, SHARED_BY = "p1", ("q1", "q1again")  # a passage judged relevant to two train queries
GRADED = {"q2": {"p2": 2, "p3": 1, "p20": 0}}  # a train query with several grades
LEAKED = "leaked"  # a train query in the words of the test query q78: readers leave it out
TRAIN, DEV, TEST, UNJUDGED = range(60), range(60, 75), range(75, 90), range(90, 96)


def without_qrels(collection: Path, folder: Path) -> Path:
    """A copy of a collection in BEIR's layout that nobody judged."""
    bare = shutil.copytree(collection, folder)
    shutil.rmtree(bare / "qrels")
    return bare


def write_planted(folder: Path, *, seed: int = 0) -> Path:
    """Write corpus.jsonl (121 passages), queries.jsonl (98 queries) and qrels/{train,dev,test}.tsv in BEIR's layout.

    Query q<n> asks for the passage p<n>: n is below 60 in train (with q1again and the query that leaks), below 75 in
    dev, below 90 in test, and nobody judged q90 to q95. The same seed writes the same bytes.
    """
    chance = np.random.default_rng(seed)
    told, asked, beside = concept_words(chance)
    order = chance.permutation(len(PAIRS))  # so that every concept is asked for in every split
    pairs = [PAIRS[place] for place in order]

    def said(form: np.ndarray, pair: tuple[int, int], several: int) -> list[str]:
        return [str(word) for concept in pair for word in chance.permutation(form[:, concept])[:several]]

    fillers = [set(map(str, chance.permutation(beside[0])[:4])) for _ in pairs]
    fillers[3] = fillers[2]  # both relevant to q2, which may share a word with neither
    passages = {
        f"p{n}": " ".join(chance.permutation([*said(told, pair, 2), *sorted(fillers[n])]))
        for n, pair in enumerate(pairs)
    }

    def query(n: int) -> str:
        other = chance.permutation(sorted(set(map(str, beside[0])) - fillers[n]))[:1]
        return " ".join(chance.permutation([*said(asked, pairs[n], 2), *other]))

    queries = {f"q{n}": query(n) for n in range(UNJUDGED.stop)} | {"q1again": query(1)}
    queries[LEAKED] = queries["q78"]
    passages[TWIN] = passages["p0"]
    write_lines(folder / "corpus.jsonl", ({"_id": name, "title": "", "text": passages[name]} for name in passages))
    write_lines(folder / "queries.jsonl", ({"_id": name, "text": queries[name]} for name in queries))
    special = {"q0": {"p0": 1, TWIN: 1}, **GRADED, "q1again": {"p1": 1}, LEAKED: {"p78": 1}}
    for split, numbers in (("train", TRAIN), ("dev", DEV), ("test", TEST)):
        plain = {f"q{n}": {f"p{n}": 1} for n in numbers}
        write_judgments(folder / "qrels" / f"{split}.tsv", plain | (special if split == "train" else {}))
    return folder


def planted_corpus(folder: Path, *, seed: int = 0, unjudged: bool = False) -> Corpus:
    """The planted collection, written into folder/beir and opened with its artifacts in folder/artifacts."""
    source = folder / "beir"
    if not source.exists():
        write_planted(source, seed=seed)
    return open_corpus(Beir(path=source, drop_same_id=False, unjudged=unjudged), folder / "artifacts")


def planted_backbone(folder: Path, collection: Path, *, layers: int = 2, dim: int = 32, seed: int = 0) -> Path:
    """Write a small random backbone over the words of a planted collection's folder."""
    files = [(collection / f"{name}.jsonl").read_text(encoding="utf-8") for name in ("corpus", "queries")]
    texts = [json.loads(line)["text"] for file in files for line in file.splitlines()]
    return write_tiny(folder, texts, layers=layers, dim=dim, seed=seed)


def shuffled_run(corpus: Corpus, query_ids: Iterable[str], *, depth: int = 20, seed: int = 0) -> Run:
    """A run of `depth` passages a query in an order that knows nothing of relevance, scores from depth down to 1."""
    chance = np.random.default_rng(seed)
    names = list(corpus.collection)

    def ranked() -> list[tuple[str, float]]:
        chosen = chance.permutation(len(names))[:depth]
        return [(names[place], float(depth - rank)) for rank, place in enumerate(chosen)]

    return Run.of({name: ranked() for name in query_ids})


def concept_words(chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The words [3 concept] of passages for a concept, those [3 concept] of queries, and fillers [1 concept]."""
    told, asked, beside = np.split(np.array(_made_up(chance, 7 * CONCEPTS)).reshape(7, CONCEPTS), [3, 6])
    return told, asked, beside


def _made_up(chance: np.random.Generator, count: int) -> list[str]:
    """Different words of seven letters that no stemmer shortens and no stop list holds."""
    syllables = ["".join(pair) for pair in itertools.product("bdfgklmnprtvz", "aeiou")]
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(syllables[place] for place in chance.integers(len(syllables), size=3)) + "k"] = None
    return list(words)


def write_lines(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_judgments(path: Path, grades: Mapping[str, Mapping[str, int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{query}\t{passage}\t{grade}\n" for query, of in grades.items() for passage, grade in of.items()]
    path.write_text("query-id\tcorpus-id\tscore\n" + "".join(rows), encoding="utf-8")
