"""A collection tokenised once and shared."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from retrieval_kd.batch import store
from retrieval_kd.batch.store import tokenise, tokenised, tokenizer_digest
from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.io import atomic
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.records import Passage

PASSAGES = (Passage("b", "Fox", "a red fox"), Passage("a", "", ""), Passage("c", "", "the dog slept"))


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    return str(write_tiny(tmp_path / "tiny", ["fox a red", "the dog slept"]))


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection.write(tmp_path / "collection", PASSAGES)


def stores(artifacts: Path) -> list[str]:
    return sorted(path.name for path in artifacts.glob("tokens-????????????????"))


def test_a_passage_is_its_title_and_its_text_by_position(tmp_path: Path, tiny: str, collection: Collection) -> None:
    pieces = tokenised(collection, tiny, tmp_path / "artifacts")
    expected = tokenise(["Fox a red fox", "", "the dog slept"], tiny)
    assert pieces.ids.tolist() == expected.ids.tolist()
    assert pieces.offsets.tolist() == [0, 4, 4, 7]


def test_the_pieces_are_mapped_from_disk_as_int32(tmp_path: Path, tiny: str, collection: Collection) -> None:
    pieces = tokenised(collection, tiny, tmp_path)
    assert isinstance(pieces.ids, np.memmap)
    assert isinstance(pieces.offsets, np.memmap)
    assert (pieces.ids.dtype, pieces.offsets.dtype) == (np.int32, np.int64)


def test_equal_texts_and_equal_tokenizers_share_one_store(tmp_path: Path, tiny: str, collection: Collection) -> None:
    again = Collection.write(tmp_path / "again", PASSAGES)
    other = str(shutil.copytree(tiny, tmp_path / "other"))
    artifacts = tmp_path / "artifacts"
    tokenised(collection, tiny, artifacts)
    tokenised(again, other, artifacts)
    assert len(stores(artifacts)) == 1


def test_other_texts_or_another_tokenizer_get_a_store_of_their_own(
    tmp_path: Path, tiny: str, collection: Collection
) -> None:
    fewer = Collection.write(tmp_path / "fewer", PASSAGES[:2])
    other = str(write_tiny(tmp_path / "other", ["fox a red", "the dog"]))
    artifacts = tmp_path / "artifacts"
    for texts, tokenizer in ((collection, tiny), (fewer, tiny), (collection, other)):
        tokenised(texts, tokenizer, artifacts)
    assert len(stores(artifacts)) == 3


def test_a_whole_store_is_not_made_again(
    tmp_path: Path, tiny: str, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tokenised(collection, tiny, tmp_path).ids.tolist()

    def refuse(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(store, "_write", refuse)
    assert tokenised(collection, tiny, tmp_path).ids.tolist() == first


@pytest.mark.parametrize("killed_at", ["save", "write_array_header_2_0", "rename"])
def test_a_killed_write_leaves_nothing_that_is_taken_for_whole(
    tmp_path: Path, tiny: str, collection: Collection, killed_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    place = {"save": np, "write_array_header_2_0": np.lib.format, "rename": atomic.os}[killed_at]
    with monkeypatch.context() as patch:
        patch.setattr(place, killed_at, kill)
        with pytest.raises(KeyboardInterrupt):
            tokenised(collection, tiny, tmp_path)
    assert stores(tmp_path) == []
    assert tokenised(collection, tiny, tmp_path).offsets.tolist() == [0, 4, 4, 7]


def test_a_collection_of_several_blocks_is_joined_in_order(
    tmp_path: Path, tiny: str, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_TEXTS_AT_ONCE", 2)
    assert (
        tokenised(collection, tiny, tmp_path).ids.tolist() == tokenise([p.words for p in PASSAGES], tiny).ids.tolist()
    )


def test_a_collection_without_any_word_piece_has_an_empty_store(tmp_path: Path, tiny: str) -> None:
    empty = Collection.write(tmp_path / "empty", [Passage("a", "", " "), Passage("b", "", "")])
    assert tokenised(empty, tiny, tmp_path / "artifacts").offsets.tolist() == [0, 0, 0]


@pytest.fixture
def cutting(tmp_path: Path, tiny: str) -> str:
    """The same tokenizer, saved after it was last asked to cut at two pieces."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer(["a red fox"], padding="max_length", truncation=True, max_length=2)
    tokenizer.save_pretrained(tmp_path / "cutting")
    assert '"max_length": 2' in (tmp_path / "cutting" / "tokenizer.json").read_text()
    return str(tmp_path / "cutting")


def test_how_a_tokenizer_was_last_asked_to_cut_or_pad_is_no_part_of_its_digest(tiny: str, cutting: str) -> None:
    assert tokenizer_digest(cutting) == tokenizer_digest(tiny)


def test_texts_are_not_cut_before_they_are_framed(tiny: str, cutting: str) -> None:
    assert tokenise(["fox " * 600], cutting).ids.tolist() == tokenise(["fox"], tiny).ids.tolist() * 600


def test_title_and_text_may_be_parted_as_two_texts_are(tmp_path: Path, tiny: str, collection: Collection) -> None:
    from transformers import AutoTokenizer

    pieces = tokenised(collection, tiny, tmp_path, join="separator")
    pair = AutoTokenizer.from_pretrained(tiny)("Fox", "a red fox")["input_ids"]
    assert pieces[0].tolist() == pair[1:-1]
    assert [pieces[number].tolist() for number in (1, 2)] == [[], tokenise(["the dog slept"], tiny).ids.tolist()]


def test_a_title_without_a_text_is_parted_from_nothing(tmp_path: Path, tiny: str) -> None:
    lone = Collection.write(tmp_path / "lone", [Passage("a", "a fox ", " "), Passage("b", " ", " the dog")])
    pieces = tokenised(lone, tiny, tmp_path / "artifacts", join="separator")
    assert pieces.ids.tolist() == tokenise(["a fox", "the dog"], tiny).ids.tolist()
    assert pieces.offsets.tolist() == [0, 2, 4]


def test_what_parts_titles_from_texts_makes_a_store_of_its_own_and_a_blank_the_one_there_was(
    tmp_path: Path, tiny: str, collection: Collection
) -> None:
    before = tokenised(collection, tiny, tmp_path).ids.tolist()
    assert tokenised(collection, tiny, tmp_path, join="blank").ids.tolist() == before
    assert len(stores(tmp_path)) == 1
    assert tokenised(collection, tiny, tmp_path, join="separator").ids.tolist() != before
    assert len(stores(tmp_path)) == 2
