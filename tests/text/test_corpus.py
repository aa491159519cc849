"""Any reader's corpus, sealed and opened again."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.corpus import Parsed, Questions, Source, open_corpus
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.records import Passage


class Small(Source):
    """A corpus of one file with a word a line; every word asks for itself."""

    REVISION: ClassVar[int] = 1

    def __init__(self, path: Path, *, option: int = 0) -> None:
        self.name, self.drop_same_id, self.path, self.option = "small", False, path, option
        self.times_read = 0

    def files(self) -> Iterable[Path]:
        return [self.path]

    def options(self) -> Mapping[str, Any]:
        return {"option": self.option}

    def read(self) -> Parsed:
        self.times_read += 1
        words = self.path.read_text().split()
        return Parsed(
            [Passage(word, "", f"the {word}") for word in words], lambda collection: self.ask(collection, words)
        )

    def ask(self, collection: Collection, words: list[str]) -> Questions:
        assert [collection[word].text for word in words] == [f"the {word}" for word in words]
        grades = {f"{word}?": {word: 1, words[0]: 0} for word in words[1:]}
        queries = {f"{word}?": word for word in words}
        return Questions(queries, {"test": Judgments(grades)}, (f"{words[0]}?",), {"words": str(len(words))})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "words").write_text("ant bee cat")
    return tmp_path / "words"


def test_a_corpus_is_what_its_source_says(tmp_path: Path, path: Path) -> None:
    corpus = open_corpus(Small(path), tmp_path / "artifacts")
    assert (corpus.name, corpus.drop_same_id) == ("small", False)
    assert list(corpus.collection) == ["ant", "bee", "cat"]
    assert dict(corpus.queries) == {"ant?": "ant", "bee?": "bee", "cat?": "cat"}
    assert corpus.splits == {"test": ("bee?", "cat?")}
    assert corpus.unjudged == ("ant?",)
    assert corpus.judgments.relevant("bee?") == {"bee": 1}
    assert corpus.about == {
        "reader": "Small",
        "source digest": Small(path).fingerprint(),
        "passages": "3",
        "queries": "3",
        "test queries": "2",
        "words": "3",
    }


def test_it_is_parsed_once(tmp_path: Path, path: Path) -> None:
    first, second = Small(path), Small(path)
    made, opened = open_corpus(first, tmp_path / "artifacts"), open_corpus(second, tmp_path / "artifacts")
    assert (first.times_read, second.times_read) == (1, 0)
    assert made == opened
    assert os.listdir(tmp_path / "artifacts") == [f"corpus-{first.fingerprint()[:16]}"]


def test_another_content_option_or_revision_is_another_corpus(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prints = [Small(path).fingerprint(), Small(path, option=1).fingerprint()]
    monkeypatch.setattr(Small, "REVISION", 2)
    prints.append(Small(path).fingerprint())
    path.write_text("ant bee dog")
    prints.append(Small(path).fingerprint())
    assert len(set(prints)) == 4


def test_the_digest_is_that_of_what_was_read(tmp_path: Path, path: Path) -> None:
    digests = [open_corpus(Small(path, option=option), tmp_path / "artifacts").digest for option in (0, 1)]
    path.write_text("ant bee dog")
    digests.append(open_corpus(Small(path), tmp_path / "artifacts").digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_fault_leaves_nothing_behind(tmp_path: Path, path: Path) -> None:
    path.write_text("ant ant")
    with pytest.raises(UserError, match="passage 2 repeats the id 'ant'"):
        open_corpus(Small(path), tmp_path / "artifacts")
    assert os.listdir(tmp_path) == ["words"]


def test_what_is_sealed_can_be_read_by_anybody(tmp_path: Path, path: Path) -> None:
    open_corpus(Small(path), tmp_path / "artifacts")
    (folder,) = (tmp_path / "artifacts").iterdir()
    assert Judgments.read(folder / "qrels" / "test.tsv").grade("cat?", "ant") == 0
    assert json.loads((folder / "corpus.json").read_text())["unjudged"] == ["ant?"]
    assert Collection(folder / "queries")["cat?"].text == "cat"
