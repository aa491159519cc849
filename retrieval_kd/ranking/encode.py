"""A collection as vectors on disk, made once for each (weights, texts, form), whichever stage or recipe asks first."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from retrieval_kd.batch.store import tokenised
from retrieval_kd.ranking.resume.shards import Shards, assist, fill
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.asymmetric import Asymmetric
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.text.collection import Collection


def passage_vectors(
    scorer: Dual | Asymmetric,
    collection: Collection,
    artifacts: Path,
    *,
    dtype: str,
    passages_per_shard: int,
    tokens_per_group: int,
    assisting: bool = False,
) -> Shards:
    """The passages as the scorer's vectors, [passage dim] by position, under artifacts/vectors-<digest>; not all of
    them, if this process is only `assisting` another one that asks for them.

    The digest is of what decides the numbers and their layout: weights, texts, tokenisation, dtype, passages a shard,
    and half precision where the encoder computes in it.
    """
    written = scorer.written("passage")
    assert written is not None
    form = replace(written, folder="")
    words = f"{scorer.weights_digest('passage')} {collection.digest} {form} {dtype} {passages_per_shard}"
    half = scorer.encoder_of("passage").computes_in
    words += "" if half is None else f" {half}"
    folder = artifacts / f"vectors-{hashlib.sha256(words.encode()).hexdigest()[:16]}"
    texts = tokenised(collection, written.folder, artifacts, join=written.join)

    def make(positions: np.ndarray) -> np.ndarray:
        return inference.vectors(scorer, "passage", texts.take(positions), tokens_per_group=tokens_per_group)

    shards = Shards(folder, len(collection), passages_per_shard, dtype)
    if assisting:
        assist(shards, make, within=artifacts)
        return shards
    return fill(shards, make, label="encoding passages")
