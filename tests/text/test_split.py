"""Who belongs together, and where they go."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as some

from retrieval_kd.text.split import equal_pairs, groups, near_pairs, share, split_of, words


def test_texts_are_equal_if_their_words_are() -> None:
    assert words("The  Straße: 3 times!") == words("the STRASSE 3 times") == ("the", "strasse", "3", "times")


def test_groups_are_what_pairs_connect() -> None:
    assert groups(6, [(0, 3), (4, 5), (3, 1)]) == [[0, 1, 3], [2], [4, 5]]
    assert groups(6, equal_pairs([{1}, {2, 1}, {3}, {2}, set(), {3}])) == [[0, 1, 3], [2, 5], [4]]
    assert groups(0, []) == []


def test_more_than_half_of_the_shingles_makes_a_pair() -> None:
    # 4 shingles each, of which 3 are common: 3 / 5; then 2 of 4: 2 / 6
    assert list(near_pairs(["a b c d e f g", "a b c d e f x"])) == [(0, 1)]
    assert list(near_pairs(["a b c d e f g", "a b c d e x y"])) == []
    # 3 shingles in one and 6 in the other, all 3 common: exactly one half is not more
    assert list(near_pairs(["a b c d e f", "a b c d e f g h i"])) == []
    assert list(near_pairs(["a b c", "a b c"])) == []


@given(some.lists(some.lists(some.sampled_from("abc"), max_size=12), max_size=8))
def test_near_pairs_are_those_of_the_definition(texts: list[list[str]]) -> None:
    sets = [{tuple(text[at : at + 4]) for at in range(len(text) - 3)} for text in texts]
    near = {
        pair
        for pair in combinations(range(len(texts)), 2)
        if 2 * len(sets[pair[0]] & sets[pair[1]]) > len(sets[pair[0]] | sets[pair[1]])
    }
    assert set(near_pairs([" ".join(text) for text in texts])) == near


def test_shares_are_kept_and_depend_on_the_key_alone() -> None:
    shares = {"train": 0.7, "dev": 0.1, "test": 0.2}
    splits = [split_of(f"key {number}", shares) for number in range(10_000)]
    # 3 standard deviations of 10 000 draws are at most 1.5 %
    assert {split: abs(splits.count(split) / 10_000 - part) < 0.015 for split, part in shares.items()} == dict.fromkeys(
        shares, True
    )
    assert splits[:100] == [split_of(f"key {number}", shares) for number in range(100)]
    assert share(0, "x") != share(1, "x")
    assert 0 <= share(0, "x") < 1
