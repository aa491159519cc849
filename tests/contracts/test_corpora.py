"""What every corpus promises, asked of every option in conf/corpus/ as it comes."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.corpus import SPLITS, Corpus, Source, open_corpus
from retrieval_kd.text.split import words
from tests.contracts.options import names, option

Values = Mapping[str, Any]


def as_msmarco(planted: Path, folder: Path) -> Values:
    """The planted collection in MS MARCO's files."""
    corpus = open_corpus(Beir(path=planted, drop_same_id=False), folder / "planted")
    rows = [f"{passage.id}\t{passage.words}\n" for passage in corpus.collection.values()]
    (folder / "collection.tsv").write_text("".join(rows))
    for split, file in (("train", "train"), ("dev", "dev.small")):
        asked = corpus.splits[split]
        (folder / f"queries.{file}.tsv").write_text("".join(f"{name}\t{corpus.queries[name]}\n" for name in asked))
        judged = [row for row in corpus.judgments if row.query_id in asked]
        lines = [f"{row.query_id}\t0\t{row.passage_id}\t{row.grade}\n" for row in judged]
        (folder / f"qrels.{file}.tsv").write_text("".join(lines))
    return {"path": str(folder)}


def as_table(planted: Path, folder: Path) -> Values:
    """The planted collection's judgments as a table of questions and answers."""
    corpus = open_corpus(Beir(path=planted, drop_same_id=False), folder / "planted")
    rows = [(corpus.queries[row.query_id], corpus.collection[row.passage_id].words) for row in corpus.judgments]
    (folder / "faq.csv").write_text("question,answer\n" + "".join(f"{query},{text}\n" for query, text in rows))
    return {"path": str(folder / "faq.csv")}


# what an option leaves to the user, or would take long; an option that is not here is read as it stands
SMALL: dict[str, Callable[[Path, Path], Values]] = {
    "auto": as_table,
    "beir": lambda planted, folder: {"path": str(planted)},
    "docstrings": lambda planted, folder: {"packages": ["rich"]},
    "msmarco": as_msmarco,
}


@pytest.fixture(scope="module", params=names("corpus"))
def node(request: pytest.FixtureRequest, planted: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An option, made small."""
    values = SMALL[request.param](planted, tmp_path_factory.mktemp("files")) if request.param in SMALL else {}
    return {**option("corpus", request.param), **values}


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where corpora are kept."""
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture(scope="module")
def corpus(node: Values, artifacts: Path) -> Corpus:
    """The option's corpus."""
    return open_corpus(source(node), artifacts)


def source(node: Values) -> Source:
    made = build(dict(node), "corpus")
    assert isinstance(made, Source)
    return made


def test_a_corpus_has_passages_with_words_and_queries_with_text(corpus: Corpus) -> None:
    assert len(corpus.collection) > 0
    assert all(passage.words for passage in corpus.collection.values())
    assert all(text.strip() for text in corpus.queries.values())
    assert set(corpus.splits) <= set(SPLITS)
    assert "train" in corpus.splits


def test_every_query_of_a_split_has_a_relevant_passage_of_the_collection(corpus: Corpus) -> None:
    for asked in corpus.splits.values():
        assert len(asked) > 0
        for name in asked:
            assert name in corpus.queries
            relevant = corpus.judgments.relevant(name)
            assert relevant
            assert all(passage in corpus.collection for passage in relevant)


def test_no_query_is_in_two_splits_in_whatever_dress(corpus: Corpus) -> None:
    words_by_split = {split: {words(corpus.queries[name]) for name in asked} for split, asked in corpus.splits.items()}
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not words_by_split.get(one, set()) & words_by_split.get(other, set())


def with_more_queries(node: Values) -> Values:
    """What brings queries that nobody judged."""
    return {"unjudged": True} if "unjudged" in node else {"pseudo": {"keywords": 1.0}}


@pytest.mark.slow
def test_queries_that_nobody_judged_are_told_apart(node: Values, artifacts: Path) -> None:
    several = open_corpus(source({**node, **with_more_queries(node)}), artifacts)
    assert several.unjudged or node["_target_"].endswith("MsMarco")
    assert all(name in several.queries for name in several.unjudged)
    assert not any(several.judgments.relevant(name) for name in several.unjudged)
    assert not set(several.unjudged) & {name for asked in several.splits.values() for name in asked}


def test_a_corpus_says_where_it_came_from(corpus: Corpus) -> None:
    assert {"reader", "source digest", "passages", "queries"} <= set(corpus.about)
    assert corpus.about["passages"] == str(len(corpus.collection))
    assert corpus.name


def test_a_corpus_is_read_once_and_then_reopened(
    corpus: Corpus, node: Values, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = source(node)
    monkeypatch.setattr(type(again), "read", lambda self: pytest.fail("what is there is not read again"))
    reopened = open_corpus(again, artifacts)
    assert reopened.digest == corpus.digest
    assert reopened.splits == corpus.splits
    assert reopened.judgments == corpus.judgments
    assert list(reopened.collection) == list(corpus.collection)


def test_the_same_source_has_the_same_fingerprint_and_another_option_another(node: Values) -> None:
    assert source(node).fingerprint() == source(node).fingerprint()
    assert source(node).fingerprint() != source({**node, **with_more_queries(node)}).fingerprint()


def test_a_corpus_can_be_handed_to_another_process(corpus: Corpus) -> None:
    there = pickle.loads(pickle.dumps(corpus))  # noqa: S301
    name = next(iter(corpus.splits["train"]))
    assert there.queries[name] == corpus.queries[name]
    assert there.collection.at(0) == corpus.collection.at(0)
