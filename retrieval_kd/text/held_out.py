"""Where nobody judged: which queries training learns from, and which it never sees."""

from collections.abc import Mapping

from retrieval_kd.errors import UserError
from retrieval_kd.text.split import equal_pairs, groups, share, words

HELD_OUT = "held_out"  # in the place of a split's name: queries that nobody judged and training never sees
MOST = 500  # queries held out: the half-width of a 95 % interval is then 0.03 for a standard deviation of 0.3


def check_held_out(fraction: float) -> None:
    """Raises UserError for a share that would hold out nothing, or everything."""
    if not 0 < fraction < 1:
        raise UserError(f"corpus.held_out is {fraction}; give the share of the queries, above 0 and below 1")


def part_unjudged(queries: Mapping[str, str], *, fraction: float, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(queries to distil from, queries held out to measure agreement by), both in the order that they came in.

    `fraction` of the queries is held out, at least 1 and at most 500, in whole groups of equal words, so that training
    sees none of them in another dress. Groups are drawn by the seed and taken while they fit.

    Raises UserError where no group fits, or nothing would be left to train on.
    """
    asked = list(queries)
    found = groups(len(asked), equal_pairs([[words(queries[name])] for name in asked]))
    room, held = min(MOST, max(1, round(fraction * len(asked)))), set[str]()
    for group in sorted(found, key=lambda group: share(seed, min(asked[item] for item in group))):
        if len(held) + len(group) <= room:
            held.update(asked[item] for item in group)
    if not held or len(held) == len(asked):
        raise UserError(
            f"nobody judged these {len(asked)} queries, of {len(found)} different wordings, and corpus.held_out="
            f"{fraction} of them leaves none to train on or none to measure by; give more queries, or a larger share"
        )
    return tuple(name for name in asked if name not in held), tuple(name for name in asked if name in held)
