"""Titles of MS MARCO's passages: from a file of their own, or from a third column."""

import gzip
import logging
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.msmarco import MsMarco
from retrieval_kd.text.records import Passage

FILES = {
    "collection.tsv": "7\tAnts walk.\n8\tBees fly.\n9\tCats nap.\n",
    "three.tsv": "7\tAnts\tAnts walk.\n8\t\tBees fly.\n9\tCats\tCats nap.\n",
    "dpr.tsv": "7\tAnts walk.\tAnts\n8\tBees fly.\t\n9\tCats nap.\tCats\n",
    "titles.tsv": "7\tAnts\n9\tCats\n",
    "queries.tsv": "1\twho walks\n",
    "qrels.tsv": "1\t0\t7\t1\n",
}
EXPECTED = [Passage("7", "Ants", "Ants walk."), Passage("8", "", "Bees fly."), Passage("9", "Cats", "Cats nap.")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "marco").mkdir()
    for name, content in FILES.items():
        (tmp_path / "marco" / name).write_text(content)
    return tmp_path / "marco"


def source(folder: Path, **options: Any) -> MsMarco:
    return MsMarco(path=folder, queries={"train": "queries.tsv"}, qrels={"train": "qrels.tsv"}, **options)


def opened(folder: Path, **options: Any) -> Corpus:
    return open_corpus(source(folder, **options), folder.parent / "artifacts")


@pytest.mark.parametrize(
    "options",
    [
        {"titles": "titles.tsv"},
        {"collection": "three.tsv", "columns": "id title text"},
        {"collection": "dpr.tsv", "columns": "id text title"},
    ],
)
def test_passages_have_their_titles_and_those_without_are_counted_and_reported(
    folder: Path, options: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        corpus = opened(folder, **options)
    assert list(corpus.collection.values()) == EXPECTED
    assert corpus.about["passages without a title"] == "1"
    assert [record.getMessage() for record in caplog.records] == ["1 of 3 passages have no title"]


def test_without_titles_a_collection_is_what_it_was(folder: Path) -> None:
    assert source(folder).options() == {"splits": ["train"], "unjudged": False}
    corpus = opened(folder)
    assert [passage.title for passage in corpus.collection.values()] == ["", "", ""]
    assert "passages without a title" not in corpus.about
    assert source(folder).fingerprint() != source(folder, titles="titles.tsv").fingerprint()


def test_titles_may_be_in_any_order_and_gzipped_and_some_of_no_passage(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with gzip.open(folder / "titles.gz", "wt") as file:
        file.write("9\tCats\n5\tNobody\n8\tBees\n7\tAnts\n")
    with caplog.at_level(logging.WARNING):
        corpus = opened(folder, titles="titles.gz")
    assert [passage.title for passage in corpus.collection.values()] == ["Ants", "Bees", "Cats"]
    assert corpus.about["passages without a title"] == "0"
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.endswith("titles.gz: titles of no passage: 1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("7\tAnts\n9 Cats\n", r"titles\.tsv:2 has 1 columns; give an id and a title a line"),
        ("7\tAnts\n9\tCats\tnap\n", r"titles\.tsv:2 has 3 columns"),
        ("7\tAnts\n\n7\tAnts\n", r"titles\.tsv:3 repeats the id '7' of .*titles\.tsv:1"),
        ("7\tAnts\n\tCats\n", r"titles\.tsv:2 has the id ''"),
        ("70\tAnts\n", r"titles\.tsv names no passage of the collection"),
        ("", r"titles\.tsv is empty"),
    ],
)
def test_a_bad_file_of_titles_is_named_and_nothing_is_left(folder: Path, content: str, message: str) -> None:
    (folder / "titles.tsv").write_text(content)
    with pytest.raises(UserError, match=message):
        opened(folder, titles="titles.tsv")
    assert [path.name for path in folder.parent.iterdir()] == ["marco"]


def test_a_collection_has_as_many_columns_as_its_option_names(folder: Path) -> None:
    with pytest.raises(
        UserError, match=r"collection\.tsv:1 has 2 columns; give id, title, text a line, parted by tabs"
    ):
        opened(folder, columns="id title text")
    (folder / "three.tsv").write_text("")
    with pytest.raises(UserError, match=r"three\.tsv is empty; give id, text, title"):
        opened(folder, collection="three.tsv", columns="id text title")


def test_titles_are_given_once_and_by_a_file_that_is_there(folder: Path) -> None:
    with pytest.raises(
        UserError, match=r"corpus\.titles=titles\.tsv and corpus\.columns=id title text both give titles"
    ):
        source(folder, titles="titles.tsv", columns="id title text")
    with pytest.raises(
        UserError, match=r"none\.tsv cannot be read .*; give a file that holds an id and a title a line"
    ):
        source(folder, titles="none.tsv").fingerprint()
