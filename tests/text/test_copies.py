"""Exact copies of a relevant passage are as relevant."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_kd.text.collection import Collection
from retrieval_kd.text.copies import text_keys, without_copies
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.records import Passage
from retrieval_kd.text.run import Run
from retrieval_kd.text.split import words

TEXTS = {
    "good": ("Herons", "wade slowly."),
    "copy": ("", "herons WADE - slowly"),
    "near": ("", "herons wade fast"),
    "blank": ("", "..."),
    "empty": ("", ""),
}


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection.write(tmp_path / "passages", (Passage(name, *text) for name, text in TEXTS.items()))


def test_texts_are_equal_if_their_words_are_and_without_words_only_to_themselves(collection: Collection) -> None:
    good, copy, near, blank, empty = text_keys(collection).tolist()
    assert good == copy
    assert len({good, near, blank, empty}) == 4


@pytest.mark.slow
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), min_size=2, max_size=6))
def test_keys_are_equal_exactly_where_words_are(texts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        made = Collection.write(Path(folder) / "c", (Passage(str(at), "", text) for at, text in enumerate(texts)))
        keys, word_keys = text_keys(made).tolist(), [words(text) or at for at, text in enumerate(texts)]
    assert [[one == two for two in keys] for one in keys] == [[one == two for two in word_keys] for one in word_keys]


def test_copies_of_what_is_relevant_to_the_query_are_left_out_of_its_list_alone(collection: Collection) -> None:
    listed = [("copy", 3.0), ("near", 2.0), ("blank", 1.5), ("empty", 1.0)]
    run = Run.of({"asked": listed, "other": listed})
    remaining = without_copies(run, Judgments({"asked": {"good": 1, "near": 0}, "other": {"blank": 1}}), collection)
    assert [row.passage_id for row in remaining.lists["asked"]] == ["near", "blank", "empty"]
    assert [row.passage_id for row in remaining.lists["other"]] == ["copy", "near", "empty"]


def test_a_run_of_nothing_stays_one(collection: Collection) -> None:
    assert len(without_copies(Run.of({}), Judgments({}), collection).numbers) == 0
