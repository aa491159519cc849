"""The standard library as a corpus."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.docstrings import Docstrings
from retrieval_kd.text.split import words


@pytest.fixture(scope="module")
def stdlib(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return open_corpus(Docstrings(packages=["stdlib"], unjudged=True), tmp_path_factory.mktemp("artifacts"))


@pytest.mark.slow
def test_the_standard_library_is_some_thousands_of_passages(stdlib: Corpus) -> None:
    if sys.version_info[:2] == (3, 11):
        assert len(stdlib.collection) == pytest.approx(7400, rel=0.05)
        assert sum(map(len, stdlib.splits.values())) == pytest.approx(2200, rel=0.05)
        assert int(stdlib.about["docstrings"]) == pytest.approx(7900, rel=0.05)
    queries = sum(map(len, stdlib.splits.values()))
    assert len(stdlib.splits["train"]) == pytest.approx(0.7 * queries, rel=0.06)
    assert len(stdlib.splits["test"]) == pytest.approx(0.2 * queries, rel=0.2)


@pytest.mark.slow
def test_the_record_states_pythons_version_and_the_digest(stdlib: Corpus) -> None:
    assert stdlib.about["python"] == sys.version.split()[0]
    assert stdlib.about["packages"] == f"stdlib {sys.version.split()[0]}"
    assert len(stdlib.digest) == len(stdlib.collection.digest) == 64


@pytest.mark.slow
def test_queries_and_passages_have_their_lengths(stdlib: Corpus) -> None:
    for query_id in (query_id for of in stdlib.splits.values() for query_id in of):
        assert 4 <= len(stdlib.queries[query_id].split()) <= 40
        assert stdlib.judgments.relevant(query_id)
        for passage_id in stdlib.judgments.relevant(query_id):
            assert len(stdlib.collection[passage_id].text.split()) >= 12


@pytest.mark.slow
def test_no_query_stands_in_a_passage(stdlib: Corpus) -> None:
    everything = "\n".join(" ".join(words(passage.text)) for passage in stdlib.collection.values())
    asked = [query_id for of in stdlib.splits.values() for query_id in of]
    assert [query_id for query_id in asked if f" {' '.join(words(stdlib.queries[query_id]))} " in everything] == []


@pytest.mark.slow
def test_a_name_is_never_part_of_the_text(stdlib: Corpus) -> None:
    assert {passage.title for passage in stdlib.collection.values()} == {""}


@pytest.mark.slow
def test_passages_and_queries_are_told_apart_by_their_words(stdlib: Corpus) -> None:
    passages = [words(passage.text) for passage in stdlib.collection.values()]
    queries = [words(text) for text in stdlib.queries.values()]
    assert len(set(passages)) == len(passages)
    assert len(set(queries)) == len(queries)


@pytest.mark.slow
def test_no_passage_is_relevant_in_two_splits(stdlib: Corpus) -> None:
    held = {split: {p for q in of for p in stdlib.judgments.relevant(q)} for split, of in stdlib.splits.items()}
    assert held["train"] & held["test"] == held["train"] & held["dev"] == held["dev"] & held["test"] == set()


@pytest.mark.slow
def test_unjudged_queries_are_nobodys_else(stdlib: Corpus) -> None:
    assert len(stdlib.unjudged) > 5000
    assert set(stdlib.unjudged) == set(stdlib.queries) - {q for of in stdlib.splits.values() for q in of}
    assert not any(stdlib.judgments.judged(query_id) for query_id in stdlib.unjudged)
    assert all(4 <= len(stdlib.queries[query_id].split()) <= 40 for query_id in stdlib.unjudged)


def test_without_the_option_there_are_no_unjudged_queries_and_the_rest_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.py").write_text('"""Say it to everybody here.\n\n' + "One two three. " * 5 + '"""')
    (tmp_path / "broken.py").write_text("def (")
    monkeypatch.syspath_prepend(tmp_path)
    plain = open_corpus(Docstrings(packages=["own", "broken"]), tmp_path / "artifacts")
    more = open_corpus(
        Docstrings(packages=["own", "broken"], unjudged=True, query_words=(3, 40)), tmp_path / "artifacts"
    )
    assert (list(plain.queries), plain.unjudged) == (["own?"], ())
    assert (dict(more.queries), more.unjudged) == (
        {"own?": "Say it to everybody here.", "own?1": "One two three."},
        ("own?1",),
    )
    assert plain.collection == more.collection
    assert plain.about["files"] == "2, 1 of them not parsed"


def test_the_fingerprint_follows_the_source_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_two.py").write_text("'One.'")
    monkeypatch.syspath_prepend(tmp_path)
    first = Docstrings(packages=["own_two"]).fingerprint()
    assert first == Docstrings(packages=["own_two"]).fingerprint()
    assert first != Docstrings(packages=["own_two"], passage_words=3).fingerprint()
    (tmp_path / "own_two.py").write_text("'Two.'")
    assert first != Docstrings(packages=["own_two"]).fingerprint()


def test_a_package_that_is_not_installed_is_refused_before_anything_is_parsed() -> None:
    with pytest.raises(UserError, match="'no_such_package', which is not installed"):
        Docstrings(packages=["stdlib", "no_such_package"]).fingerprint()


def test_a_package_without_a_summary_that_asks_has_no_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_three.py").write_text("'One.'")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="the corpus docstrings has no query; give at least one"):
        open_corpus(Docstrings(packages=["own_three"]), tmp_path / "artifacts")


@pytest.mark.parametrize(
    ("packages", "query_words", "passage_words", "message"),
    [
        ([], (4, 40), 12, r"corpus.packages is \[\]; give a list such as \[stdlib,torch\]"),
        ("stdlib", (4, 40), 12, "corpus.packages is 'stdlib'; give a list"),
        (["stdlib"], (40, 4), 12, r"corpus.query_words is \[40, 4\]; give the fewest and the most"),
        (["stdlib"], (4,), 12, r"corpus.query_words is \[4\]"),
        (["stdlib"], (4, 40), 0, "corpus.passage_words is 0; give 1 or more"),
    ],
)
def test_options_that_leave_nothing_are_refused(
    packages: Sequence[str], query_words: Sequence[int], passage_words: int, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Docstrings(packages=packages, query_words=query_words, passage_words=passage_words)
