"""Which word sequences stand in a row in which texts."""

from collections.abc import Iterable, Sequence, Set

Words = tuple[str, ...]

HEAD = 4  # words by which a phrase is looked up


def standing_in(phrases: Set[Words], texts: Iterable[Sequence[str]]) -> frozenset[Words]:
    """The phrases (of one word or more) that stand somewhere in a text, word for word.

    Phrases are looked up by their first four words: the time grows with the words of the texts, not with the phrases.
    """
    by_head: dict[Words, list[Words]] = {}
    for phrase in phrases:
        by_head.setdefault(phrase[:HEAD], []).append(phrase)
    lengths = {len(head) for head in by_head}
    verbatim: set[Words] = set()
    for text in texts:
        for at in range(len(text)):
            for length in lengths:
                for phrase in by_head.get(tuple(text[at : at + length]), ()):
                    if tuple(text[at : at + len(phrase)]) == phrase:
                        verbatim.add(phrase)
    return frozenset(verbatim)
