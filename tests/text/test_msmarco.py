"""MS MARCO's files, good and bad."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.msmarco import MsMarco

FILES = {
    "collection.tsv": "1\tAnts walk.\n2\tBees fly.\twith tabs\n3\t\n",
    "queries.train.tsv": "10\twho walks\n11\twho flies\n12\twho barks\n13\tWho sleeps?\n14\twho sleeps\n",
    "queries.dev.tsv": "20\twho sleeps\n",
    "qrels.train.tsv": "10 0 1 1\n11\t0\t2\t1\n13\t0\t1\t1\n",
    "qrels.dev.tsv": "20\t0\t3\t3\n20\t0\t1\t0\n",
}
SPLITS = ("train", "dev")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "marco").mkdir()
    for name, content in FILES.items():
        (tmp_path / "marco" / name).write_text(content)
    return tmp_path / "marco"


def files(kind: str) -> Mapping[str, str]:
    return {split: f"{kind}.{split}.tsv" for split in SPLITS}


def opened(folder: Path, *, unjudged: bool = False) -> Corpus:
    source = MsMarco(path=folder, queries=files("queries"), qrels=files("qrels"), unjudged=unjudged)
    return open_corpus(source, folder.parent / "artifacts")


def test_files_are_read_as_they_are(folder: Path) -> None:
    corpus = opened(folder)
    assert [passage.text for passage in corpus.collection.values()] == ["Ants walk.", "Bees fly.\twith tabs", ""]
    assert corpus.splits == {"train": ("10", "11"), "dev": ("20",)}
    assert dict(corpus.queries) == {"10": "who walks", "11": "who flies", "20": "who sleeps"}
    assert corpus.judgments.judged("20") == {"3": 3, "1": 0}
    assert corpus.about["queries left out of train"] == "1"


def test_queries_nobody_judged_come_when_asked_for_unless_dev_asks_the_same(folder: Path) -> None:
    corpus = opened(folder, unjudged=True)
    assert corpus.unjudged == ("12",)
    assert corpus.queries["12"] == "who barks"


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("collection.tsv", "4 no tab", r"collection\.tsv:4 has no tab"),
        ("collection.tsv", "2\tagain", r"collection\.tsv:4 repeats the id '2' of .*collection\.tsv:2"),
        ("queries.dev.tsv", "20\tagain", r"queries\.dev\.tsv:2 repeats the query id '20'"),
        ("queries.dev.tsv", "21\t ", r"queries\.dev\.tsv:2 gives query '21' no text"),
        ("qrels.dev.tsv", "20\t0\t1", r"qrels\.dev\.tsv:3 is no judgment"),
        ("qrels.dev.tsv", "20\t0\t1\thigh", r"qrels\.dev\.tsv:3 grades with 'high'; give a whole number"),
        ("qrels.dev.tsv", "20\t0\t2\t--1", r"qrels\.dev\.tsv:3 grades with '--1'; give a whole number"),
        ("qrels.dev.tsv", "20\t0\t2\t1.0", r"qrels\.dev\.tsv:3 grades with '1.0'; give a whole number"),
        ("qrels.dev.tsv", f"20\t0\t2\t{10**21}", r"qrels\.dev\.tsv:3 grades with 10{21}; give at most 1000"),
        ("qrels.dev.tsv", "20\t0\t3\t1", r"qrels\.dev\.tsv:3 grades '20' with '3' again and differently"),
        ("queries.dev.tsv", "10\twho runs", r"queries\.dev\.tsv gives query '10' another text than a file before it"),
        ("qrels.dev.tsv", "99\t0\t1\t1", r"qrels\.dev\.tsv:3 judges query '99'"),
        ("qrels.dev.tsv", "20\t0\t99\t1", r"qrels\.dev\.tsv:3 judges passage '99'"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_left(folder: Path, name: str, line: str, message: str) -> None:
    (folder / name).write_text(FILES[name] + line)
    with pytest.raises(UserError, match=message):
        opened(folder)
    assert os.listdir(folder.parent) == ["marco"]


def test_an_empty_or_missing_file_is_named(folder: Path) -> None:
    (folder / "collection.tsv").write_text("")
    with pytest.raises(UserError, match=r"collection\.tsv is empty"):
        opened(folder)
    (folder / "collection.tsv").unlink()
    with pytest.raises(UserError, match=r"collection\.tsv cannot be read"):
        opened(folder)


def test_queries_and_judgments_come_in_pairs(folder: Path) -> None:
    with pytest.raises(UserError, match="give them the same splits"):
        MsMarco(path=folder, queries=files("queries"), qrels={"train": "qrels.train.tsv"})


def test_files_without_judgments_offer_their_queries_and_hold_some_out(folder: Path) -> None:
    source = MsMarco(path=folder, queries=files("queries"), qrels=None, held_out=0.3)
    corpus = open_corpus(source, folder.parent / "artifacts")
    assert (source.has_judgments(), corpus.is_judged, dict(corpus.splits)) == (False, False, {})
    assert len(corpus.held_out) >= 1
    assert {*corpus.unjudged, *corpus.held_out} == set(corpus.queries)
