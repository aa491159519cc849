"""Which queries belong together, and which split a group falls into."""

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

WORD = re.compile(r"\w+")
SHINGLE = 4  # words
NEAR = 0.5  # Jaccard of shingles above which two bodies are near-equal


def words(text: str) -> tuple[str, ...]:
    """The words of a text, lower case, without punctuation: two texts are equal here if their words are."""
    return tuple(WORD.findall(text.casefold()))


def groups(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The connected components of `count` items under the pairs, each ascending, in order of their first item."""
    root = list(range(count))

    def find(item: int) -> int:
        while root[item] != item:
            root[item] = item = root[root[item]]
        return item

    for one, other in pairs:
        first, second = sorted((find(one), find(other)))
        root[second] = first
    members: dict[int, list[int]] = {}
    for item in range(count):
        members.setdefault(find(item), []).append(item)
    return list(members.values())


def equal_pairs(keys: Sequence[Iterable[Hashable]]) -> Iterator[tuple[int, int]]:
    """Pairs that connect all items which share a key; keys[item] are its keys."""
    first: dict[Hashable, int] = {}
    return ((first.setdefault(key, item), item) for item, item_keys in enumerate(keys) for key in item_keys)


def share(seed: int, key: str) -> float:
    """A number in [0, 1) that only depends on the seed and the key."""
    return int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:8], "big") / 2**64


def split_of(key: str, shares: Mapping[str, float], *, seed: int = 0) -> str:
    """The split a group with this key falls into: shares are fractions that add up to 1, in order."""
    at = share(seed, key)
    for split, part in shares.items():
        at -= part
        if at < 0:
            return split
    return split


def near_pairs(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """All pairs of texts whose sets of 4-word shingles have a Jaccard coefficient above 0.5.

    Exact: of a set of n shingles, sorted from rare to common, any near-equal set shares one of the first n − ⌈n / 2⌉
    + 1 (prefix filter: Chaudhuri, Ganti & Kaushik 2006), and has more than half its size.
    """
    shingles = [_shingles(words(text)) for text in texts]
    frequency = Counter(shingle for own in shingles for shingle in own)
    holders: dict[tuple[str, ...], list[int]] = {}
    for item, own in enumerate(shingles):
        rare = sorted(own, key=lambda shingle: (frequency[shingle], shingle))[: len(own) - -(-len(own) // 2) + 1]
        for other in {other for shingle in rare for other in holders.get(shingle, ())}:
            common = len(own & shingles[other])
            if common > NEAR * (len(own) + len(shingles[other]) - common):
                yield other, item
        for shingle in rare:
            holders.setdefault(shingle, []).append(item)


def _shingles(text: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """All runs of four words."""
    return frozenset(text[at : at + SHINGLE] for at in range(len(text) - SHINGLE + 1))
