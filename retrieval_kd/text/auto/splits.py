"""Which judged queries are train, dev and test: as the files tell, or carved."""

from collections.abc import Mapping
from typing import NamedTuple

from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.corpus import SPLITS
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.leakage import carve_dev


class Fractions(NamedTuple):
    """The shares of judged queries that become test and, of what is left to train on, dev."""

    test: float
    dev: float


def checked_fractions(test: float, dev: float) -> Fractions:
    """The two shares. Raises UserError for those that leave nothing to train on."""
    if min(test, dev) < 0 or not test + dev < 1:
        raise UserError(
            f"corpus.test_fraction={test} and corpus.dev_fraction={dev}: give fractions from 0 on, below 1 together"
        )
    return Fractions(test, dev)


def splits_of(
    judged: Mapping[str, Judgments],
    queries: Mapping[str, str],
    collection: Collection,
    fractions: Fractions,
    *,
    seed: int,
) -> dict[str, Judgments]:
    """Split → judgments. `judged` has "" where no file tells of a split: test is carved from those, and dev from train
    where there is none, in whole groups of queries that share words or a relevant passage.
    """
    splits = {split: judged[split] for split in SPLITS if split in judged}
    if "" in judged:
        splits = {"train": judged[""]}
        if fractions.test:
            carved = carve_dev(splits, queries, collection, fraction=fractions.test, seed=seed)
            splits = {"test" if split == "dev" else split: part for split, part in carved.items()}
    if "dev" not in splits and "train" in splits and fractions.dev:
        splits = carve_dev(splits, queries, collection, fraction=fractions.dev, seed=seed)
    return {split: splits[split] for split in SPLITS if split in splits}
