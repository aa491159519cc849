"""BM25 by bm25s."""

import json
from math import log
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.measures.evaluate import evaluate
from retrieval_kd.ranking.lexical import BM25
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.records import Passage
from tests.ranking.conftest import Collect

CONF = Path(__file__).parents[2] / "conf" / "ranker" / "bm25.yaml"
SCIFACT = Path(__file__).parents[3] / "shared" / "data" / "scifact"


def bm25(**options: Any) -> BM25:
    """As conf/ranker/bm25.yaml says, with these options instead."""
    from omegaconf import OmegaConf

    form = OmegaConf.to_container(OmegaConf.load(CONF))
    assert isinstance(form, dict)
    del form["_target_"]
    return BM25(**{**form, **options})


def ranked(ranker: BM25, collection: Collection, query: str, depth: int = 10) -> list[tuple[str, float]]:
    lists = ranker.rank({"q": query}, collection, depth).lists
    return [(name, score) for name, score in lists["q"]] if "q" in lists else []


def test_the_score_is_the_formula_of_lucene(collect: Collect) -> None:
    collection = collect({"a": "red red fox", "b": "blue fox jumps high today"})
    # idf(red) = ln(1 + (2 − 1 + .5) / (1 + .5)); mean length 4; tf 2 in a text of 3 words
    red = log(1 + 1.5 / 1.5) * 2 / (2 + 0.9 * (1 - 0.4 + 0.4 * 3 / 4))
    assert ranked(bm25(), collection, "red") == [("a", pytest.approx(red, rel=1e-6))]


def test_passages_without_a_word_of_the_query_are_no_hits(collect: Collect) -> None:
    collection = collect({"a": "red fox", "b": "blue whale", "c": "green fox"})
    assert [name for name, _ in ranked(bm25(), collection, "fox")] == ["a", "c"]
    assert ranked(bm25(), collection, "submarine") == []
    assert ranked(bm25(), collection, "the of and") == []


def test_equal_scores_are_ordered_and_cut_by_id_whatever_the_order_of_the_collection(collect: Collect) -> None:
    for names in (["d", "b", "c", "a"], ["a", "c", "b", "d"]):
        collection = collect(dict.fromkeys(names, "red fox") | {"z": "fox fox fox"})
        assert [name for name, _ in ranked(bm25(), collection, "fox", depth=3)] == ["z", "a", "b"]


def test_words_are_made_as_lucene_makes_them(collect: Collect) -> None:
    collection = collect({"a": "The dog's running, in version 3.11 of os.path - don't!", "b": "whale"})
    for query in ("DOG", "runs", "3.11", "os.path", "don't"):
        assert [name for name, _ in ranked(bm25(), collection, query)] == ["a"], query
    for query in ("s", "11", "path", "the", "t"):
        assert ranked(bm25(), collection, query) == [], query


def test_without_a_stemmer_words_must_be_the_same(collect: Collect) -> None:
    collection = collect({"a": "running fox", "b": "blue whale"})
    assert ranked(bm25(stemmer=None), collection, "runs") == []
    assert [name for name, _ in ranked(bm25(stemmer="english"), collection, "runs")] == ["a"]


def test_a_word_asked_twice_counts_twice(collect: Collect) -> None:
    collection = collect({"a": "red fox", "b": "blue fox"})
    once, twice = ranked(bm25(), collection, "red")[0][1], ranked(bm25(), collection, "red red")[0][1]
    assert twice == pytest.approx(2 * once)


def test_titles_are_read_too(tmp_path: Path) -> None:
    collection = Collection.write(tmp_path / "titled", [Passage("a", "Foxes", "are red"), Passage("b", "", "whale")])
    assert [name for name, _ in ranked(bm25(), collection, "fox")] == ["a"]


def test_a_second_collection_gets_its_own_index(collect: Collect) -> None:
    ranker = bm25()
    assert [name for name, _ in ranked(ranker, collect({"a": "fox", "b": "dog"}), "fox")] == ["a"]
    assert [name for name, _ in ranked(ranker, collect({"c": "fox", "d": "dog"}), "fox")] == ["c"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"b": 1.5}, "k1=0.9, b=1.5: give"),
        ({"k1": -1}, "k1=-1, b=0.4: give"),
        ({"method": "bm25"}, "method='bm25'.*lucene, robertson, atire"),
        ({"stemmer": "klingon"}, "stemmer='klingon'.*english"),
        ({"pattern": "("}, r"pattern='\('.*regular expression"),
    ],
)
def test_an_option_that_cannot_be_is_refused_with_what_can(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        bm25(**options)


def test_a_collection_without_a_word_is_refused(collect: Collect) -> None:
    with pytest.raises(UserError, match="no passage has a word"):
        ranked(bm25(), collect({"a": "the", "b": "..."}), "fox")


@pytest.mark.slow
@pytest.mark.skipif(not SCIFACT.is_dir(), reason="needs the folder ../shared/data/scifact")
def test_scifact_scores_what_is_published(tmp_path: Path) -> None:
    def lines(name: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (SCIFACT / name).read_text(encoding="utf-8").splitlines()]

    passages = (Passage(row["_id"], row["title"], row["text"]) for row in lines("corpus.jsonl"))
    collection = Collection.write(tmp_path / "scifact", passages)
    judgments = Judgments.read(SCIFACT / "qrels" / "test.tsv")
    queries = {row["_id"]: row["text"] for row in lines("queries.jsonl") if judgments.relevant(row["_id"])}
    report = evaluate(bm25().rank(queries, collection, 100), judgments)
    assert len(queries) == 300
    assert report.mean("nDCG@10") == pytest.approx(0.676, abs=0.01)  # here .678; published .679
    assert report.mean("R@100") == pytest.approx(0.925, abs=0.005)
