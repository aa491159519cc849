"""Dark examples: what is made of words."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from retrieval_kd.batch.dark import MASKED, Dark, Edits, masked, reinforced, written
from retrieval_kd.batch.sampling import Drawn
from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.records import Passage

NEGATIVE, POSITIVE = list("abcdefghij"), list("ABCDEFGHIJ")
HOWS = ("span_insert", "word_mix", "concatenate")
PLAIN = Dark(2, (0.3, 0.7), "word", 3, (0.3, 0.7), "span_insert")
STEP = Drawn(np.array([5, 7]), np.array([[0, 1, 2], [3, 4, -1]]), np.array([[0, 1, 2], [1, 2, 0]]))


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    """Passage n says nA, nB, … nJ."""
    return Collection.write(
        tmp_path / "passages", (Passage(str(n), "", " ".join(f"{n}{letter}" for letter in POSITIVE)) for n in range(5))
    )


@pytest.mark.parametrize("unit", ["word", "sentence"])
def test_a_mask_ratio_of_0_changes_nothing_and_of_1_masks_all_words(unit: Any) -> None:
    words = ["One", "two.", "Three", "four"]
    assert masked(words, 0.0, "#", chance(), unit) == words
    assert masked(words, 1.0, "#", chance(), unit) == ["#"] * 4
    assert masked([], 1.0, "#", chance(), unit) == []


def test_words_are_masked_one_by_one_with_the_ratio_as_their_chance() -> None:
    hidden = [masked(POSITIVE, 0.3, "#", chance(seed)).count("#") for seed in range(300)]
    assert len(set(hidden)) > 4
    assert 2.7 < np.mean(hidden) < 3.3  # 10 words at 0.3; the mean of 300 has a deviation of 0.08


def test_a_sentence_is_masked_as_a_whole_by_as_many_masks_as_it_has_words() -> None:
    words = ["Returns", "x.", "It", "said", '"stop!"', "And", "(no", "more.)", "then"]
    sentences = [2, 3, 3, 1]
    seen = set()
    for seed in range(60):
        edited = iter(masked(words, 0.5, "#", chance(seed), "sentence"))
        hidden = [[next(edited) == "#" for _ in range(size)] for size in sentences]
        assert all(len(set(sentence)) == 1 for sentence in hidden)
        seen.add(tuple(sentence[0] for sentence in hidden))
    assert len(seen) == 16  # every choice of four sentences


@pytest.mark.parametrize("how", HOWS)
def test_a_reinforcement_of_0_changes_nothing_and_of_1_leaves_words_of_the_positive_alone(how: Any) -> None:
    assert reinforced(NEGATIVE, POSITIVE, 0.0, how, chance()) == NEGATIVE
    assert set(reinforced(NEGATIVE, POSITIVE[:], 1.0, how, chance())) == set(POSITIVE)


@settings(max_examples=60, deadline=None)
@given(
    how=some.sampled_from(HOWS),
    length=some.integers(0, 10),
    positive=some.integers(0, 10),
    ratio=some.floats(0, 1),
    seed=some.integers(0, 9),
)
def test_a_reinforced_negative_is_as_long_as_the_negative_and_has_the_ratio_of_words_of_the_positive(
    how: Any, length: int, positive: int, ratio: float, seed: int
) -> None:
    edited = reinforced(NEGATIVE[:length], POSITIVE[:positive], ratio, how, chance(seed))
    of_it = [word for word in edited if word.isupper()]
    assert len(edited) == length
    assert len(of_it) == min(round(ratio * length), positive)
    assert of_it == sorted(of_it)
    of_the_negative = [word for word in edited if word.islower()]
    assert of_the_negative == sorted(of_the_negative)


def test_a_span_takes_the_place_of_a_span() -> None:
    edited = {"".join(reinforced(NEGATIVE, POSITIVE, 0.3, "span_insert", chance(seed))) for seed in range(400)}
    spans = ["".join(POSITIVE[start : start + 3]) for start in range(8)]
    every = {"abcdefghij"[:place] + span + "abcdefghij"[place + 3 :] for place in range(8) for span in spans}
    assert edited == every


def test_mixed_words_stand_in_drawn_places() -> None:
    edited = ["".join(reinforced(NEGATIVE, POSITIVE, 0.3, "word_mix", chance(seed))) for seed in range(100)]
    assert all(
        place == letter for text in edited for place, letter in zip(NEGATIVE, text, strict=True) if letter.islower()
    )
    assert len({tuple(letter.isupper() for letter in text) for text in edited}) > 50


def test_concatenation_is_the_start_of_one_and_the_start_of_the_other() -> None:
    assert "".join(reinforced(NEGATIVE, POSITIVE, 0.3, "concatenate", chance())) == "abcdefgABC"


def test_a_masked_word_is_written_as_the_tokenizers_own_mask() -> None:
    assert written(["a", MASKED, "b"], "<mask>") == "a <mask> b"


def test_copies_are_made_of_the_positive_and_of_the_listed_negatives_in_turn(collection: Collection) -> None:
    (made, unjudged) = Edits(PLAIN, 0, collection)(STEP, 0, longest=99)
    assert unjudged == [None] * 5  # no positive to make them of
    assert all(set(words or ()) <= {MASKED, *(f"0{letter}" for letter in POSITIVE)} for words in made[:2])
    for words, negative in zip(made[2:], "121", strict=True):
        assert words is not None
        assert {word[0] for word in words} == {"0", negative}


def test_ratio_0_lists_no_dark_example(collection: Collection) -> None:
    none = replace(PLAIN, mask_ratio=(0.0, 0.0), ratio=(0.0, 0.0))
    assert Edits(none, 0, collection)(STEP, 0, longest=99) == [[None] * 5] * 2


def test_a_copy_of_the_positive_is_no_dark_example(collection: Collection) -> None:
    whole = replace(PLAIN, noisy_positives=0, ratio=(1.0, 1.0))  # all ten words of the negative by all ten
    assert Edits(whole, 0, collection)(STEP, 0, longest=99)[0] == [None] * 3


def test_a_query_that_lists_no_negative_has_noisy_positives_alone(collection: Collection) -> None:
    alone = Drawn(np.array([5]), np.array([[0, -1]]), np.array([[0, 0]]))
    (made,) = Edits(replace(PLAIN, mask_ratio=(1.0, 1.0)), 0, collection)(alone, 0, longest=99)
    assert made == [[MASKED] * 10] * 2 + [None] * 3


def test_words_that_no_scorer_reads_are_not_edited(collection: Collection) -> None:
    (made, _) = Edits(replace(PLAIN, mask_ratio=(1.0, 1.0)), 0, collection)(STEP, 0, longest=4)
    assert [len(words or ()) for words in made] == [4] * 5


def test_edits_are_a_function_of_seed_step_and_query(collection: Collection) -> None:
    edits = Edits(PLAIN, 0, collection)
    first = edits(STEP, 3, longest=99)[0]
    alone = Drawn(*(part[:1] for part in STEP))
    assert edits(alone, 3, longest=99)[0] == first
    assert edits(STEP, 4, longest=99)[0] != first
    assert Edits(PLAIN, 1, collection)(STEP, 3, longest=99)[0] != first
    assert edits(alone._replace(queries=np.array([6])), 3, longest=99)[0] != first


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"noisy_positives": -1}, r"data\.dark\.noisy_positives=-1"),
        ({"reinforced_negatives": -1}, r"data\.dark\.reinforced_negatives=-1"),
        ({"mask_ratio": (0.7, 0.3)}, r"data\.dark\.mask_ratio=\[0.7, 0.3\]: give the lowest and the highest share"),
        ({"mask_ratio": (0.3,)}, r"data\.dark\.mask_ratio"),
        ({"ratio": (0.3, 1.1)}, r"data\.dark\.ratio=\[0.3, 1.1\]"),
        ({"ratio": (-0.1, 1.0)}, r"data\.dark\.ratio"),
    ],
)
def test_dark_examples_that_cannot_be_made_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        replace(PLAIN, **given)
