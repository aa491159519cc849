"""Phrases that stand in a row."""

from hypothesis import given
from hypothesis import strategies as some

from retrieval_kd.text.verbatim import standing_in


def test_a_phrase_stands_where_its_words_follow_each_other() -> None:
    phrases = {tuple(phrase.split()) for phrase in ("a b c d e", "a b", "c d e f", "e d")}
    assert standing_in(phrases, [["x", "a", "b", "c", "d", "e"], ["a", "x", "b"]]) == {tuple("abcde"), ("a", "b")}
    assert standing_in(frozenset(), [["a", "b"]]) == frozenset()


LETTERS = some.lists(some.sampled_from("ab"), min_size=1, max_size=7).map(tuple)


@given(some.frozensets(LETTERS, max_size=6), some.lists(LETTERS, max_size=4))
def test_it_is_what_searching_every_text_finds(
    phrases: frozenset[tuple[str, ...]], texts: list[tuple[str, ...]]
) -> None:
    expected = {phrase for phrase in phrases if any("".join(phrase) in "".join(text) for text in texts)}
    assert standing_in(phrases, texts) == expected
