"""Bytes of files near good ones: cut, doubled, with bytes changed, or of pieces that readers look for."""

from hypothesis import strategies as some

from tests.fuzz.readers import SEEDS

PIECES = [b"\t", b"\n", b"\r", b" ", b",", b'"', b"{", b"}", b"[", b"]", b":", b"\\", b"\x00", b"\xff", b"\xef\xbb\xbf"]
PIECES += [b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"nan", b"-inf", b"1e999", b"9" * 400, b"\\ud800"]
PIECES += [
    "٣".encode(),
    "\u2028".encode(),
    "\x85".encode(),
    b"null",
    b"true",
    b"1_0",
    b"--1",
    b"#",
    b"<p>",
    b"q1",
    b"p1",
]


def contents(name: str) -> some.SearchStrategy[bytes]:
    """Files for the reader of this name."""
    good = SEEDS[name]
    place = some.integers(0, len(good))
    piece = some.sampled_from(PIECES) | some.binary(max_size=8)
    spoilt = some.builds(lambda at, until, new: good[:at] + new + good[until:], place, place, piece)
    twice = some.builds(lambda one, other: one + other, spoilt, spoilt)
    return spoilt | twice | some.binary(max_size=200) | some.lists(piece, max_size=20).map(b"".join)
