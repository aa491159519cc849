"""Passages on disk, found by id and by position."""

import os
import pickle
from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text import collection_files
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.records import Passage

THREE = [Passage("b", "Title", "text é"), Passage("a", "", "no title"), Passage("ü", "only a title", "")]


@pytest.fixture
def three(tmp_path: Path) -> Collection:
    return Collection.write(tmp_path / "three", THREE)


def test_what_was_written_is_read(three: Collection) -> None:
    assert list(three.values()) == THREE
    assert list(three) == list(three.ids) == ["b", "a", "ü"]
    assert [three.position(name) for name in three] == [0, 1, 2]
    assert three.at(2) == three["ü"] == THREE[2]
    assert len(three) == len(three.ids) == 3


def test_words_are_title_and_text(three: Collection) -> None:
    assert [passage.words for passage in three.values()] == ["Title text é", "no title", "only a title"]


def test_an_unknown_id_is_an_error(three: Collection) -> None:
    with pytest.raises(KeyError):
        three.position("c")
    assert "c" not in three
    assert three.positions(["ü", "c", "b", "b"]).tolist() == [2, -1, 0, 0]


def test_ids_are_a_sequence(three: Collection) -> None:
    assert (three.ids[-1], three.ids[:2]) == ("ü", ["b", "a"])
    with pytest.raises(IndexError):
        three.ids[3]


def test_a_pickled_collection_opens_the_same_files(three: Collection) -> None:
    again = pickle.loads(pickle.dumps(three))  # noqa: S301
    assert (again, again.folder) == (three, three.folder)
    assert len(pickle.dumps(three)) < 500


def test_the_digest_says_whether_texts_are_the_same(tmp_path: Path, three: Collection) -> None:
    assert Collection.write(tmp_path / "same", THREE).digest == three.digest
    assert Collection.write(tmp_path / "order", THREE[::-1]) != three
    moved = [Passage("b", "Title t", "ext é"), *THREE[1:]]
    assert Collection.write(tmp_path / "moved", moved) != three


def test_ids_with_one_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("collection", "collection_files"):
        monkeypatch.setattr(f"retrieval_kd.text.{module}.hash_of", lambda name: len(name))
    collection = Collection.write(tmp_path / "c", [Passage(name, "", name) for name in ("a", "b", "cc", "d")])
    assert [collection.position(name) for name in collection] == [0, 1, 2, 3]
    assert collection.positions(["d", "x", "b", "cc", "xxx"]).tolist() == [3, -1, 1, 2, -1]
    assert "x" not in collection


def test_many_ids_are_sorted_range_by_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_files, "SORTED_AT_ONCE", 7)
    names = [f"p{number}" for number in range(100)]
    collection = Collection.write(tmp_path / "c", [Passage(name, "", name) for name in names])
    assert collection.positions(names).tolist() == list(range(100))


@pytest.mark.parametrize(
    ("passages", "message"),
    [
        ([], "the collection is empty"),
        (
            [Passage("a", "", ""), Passage("b", "", ""), Passage("a", "", "")],
            "passage 3 repeats the id 'a' of passage 1",
        ),
        ([Passage("", "", "x")], "passage 1 has the id ''; give an id that is not empty"),
        ([Passage("a b", "", "x")], "holds no white space"),
        ([Passage("a", "", "half \ud83d")], "passage 1 holds half a character"),
    ],
)
def test_what_is_no_collection_is_refused_and_nothing_stays(
    tmp_path: Path, passages: list[Passage], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Collection.write(tmp_path / "c", passages)
    assert os.listdir(tmp_path) == []


def test_a_double_is_named_by_its_places(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 12 repeats the id 'a' of line 10"):
        Collection.write(tmp_path / "c", [Passage("a", "", "")] * 3, where=lambda position: f"line {10 + 2 * position}")


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path, three: Collection) -> None:
    with pytest.raises(UserError, match="is there already"):
        Collection.write(three.folder, THREE)
    with pytest.raises(UserError, match="holds no collection"):
        Collection(tmp_path)


def test_texts_may_all_be_empty(tmp_path: Path) -> None:
    assert list(Collection.write(tmp_path / "c", [Passage("a", "", "")]).values()) == [Passage("a", "", "")]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_collection(tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("anonymous memory is read from /proc/self/status")

    def anonymous_megabytes() -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024

    before = anonymous_megabytes()
    texts = (Passage(f"p{number}", "", "word " * 1000) for number in range(20_000))  # 100 MB of text
    collection = Collection.write(tmp_path / "c", texts)
    assert sum(len(passage.text) for passage in collection.values()) == 100_000_000
    assert anonymous_megabytes() - before < 20
