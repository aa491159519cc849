"""Frozen scorers read a text once: their tensors are read from disk in this and any later training."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from retrieval_kd.encoders.unpadded import Count, EncodeOptions, Request, Tensors, run
from retrieval_kd.scorers.embedding_cache import EmbeddingCache, keys_of, rows_of
from retrieval_kd.scorers.scorer import Kind, Scorer
from retrieval_kd.scorers.view import Want

Reader = tuple[str, Kind]
Wants = Mapping[str, frozenset[Want]]


def union(*several: Wants) -> Wants:
    """All that any of them wants."""
    nothing: frozenset[Want] = frozenset()
    return {role: nothing.union(*(one.get(role, nothing) for one in several)) for wants in several for role in wants}


class TeacherCache:
    """Runs a step's requests, of frozen scorers only for the texts that were never seen before.

    `folder` holds the caches, one for each frozen scorer's weights, tokenisation and precision; None: no cache. Numbers
    are those of the run that made them, so they may differ by rounding from a run of other groups.
    """

    def __init__(self, folder: Path | None = None, *, precision: str = "32-true") -> None:
        self.folder, self.precision = folder, precision
        self._caches: dict[Reader, EmbeddingCache] = {}

    def run(
        self, requests: Mapping[Reader, Request], options: EncodeOptions, wants: Wants, scorer: Callable[[str], Scorer]
    ) -> tuple[dict[Reader, Tensors], Count]:
        """As encoders.unpadded.run, for requests by role and kind of text; `scorer` gives a role's scorer."""
        names = {} if self.folder is None else _cacheable(requests, wants, scorer)
        keys = {reader: keys_of(requests[reader].reading.tokens) for reader in names}
        known = {reader: self._cache(reader, *names[reader]).known(text_keys) for reader, text_keys in keys.items()}
        uncached = {reader: request for reader, request in requests.items() if reader not in names}
        uncached |= {reader: _unseen(requests[reader], known[reader]) for reader in names if not known[reader].all()}
        projected, count = run(uncached, options)
        for reader, (_, name) in names.items():
            projected[reader] = self._complete(
                reader, name, keys[reader], known[reader], projected.get(reader), requests[reader]
            )
        return projected, count

    def write(self) -> None:
        """Puts what is new on disk."""
        for cache in self._caches.values():
            cache.write()

    def _complete(
        self, reader: Reader, name: str, keys: list[bytes], known: np.ndarray, fresh: Tensors | None, request: Request
    ) -> Tensors:
        cache = self._caches[reader]
        if fresh is not None:
            unseen = [keys[row] for row in np.flatnonzero(~known)]
            cache.add(unseen, fresh[name].float().cpu().numpy())
        device = next(request.reading.encoder.parameters()).device
        return {name: torch.from_numpy(cache.recall(keys)).to(device)}

    def _cache(self, reader: Reader, scorer: Scorer, name: str) -> EmbeddingCache:
        if reader not in self._caches:
            assert self.folder is not None
            identity = f"{scorer.weights_digest(reader[1])} {scorer.beside_weights()} {name} {self.precision}"
            digest = hashlib.sha256(identity.encode()).hexdigest()
            self._caches[reader] = EmbeddingCache(self.folder / f"memory-{digest[:16]}")
        return self._caches[reader]


def _cacheable(
    requests: Mapping[Reader, Request], wants: Wants, scorer: Callable[[str], Scorer]
) -> dict[Reader, tuple[Scorer, str]]:
    """reader → (scorer, the name of the one tensor that it makes of a text), for frozen scorers that make one."""
    cacheable = {}
    for (role, kind), request in requests.items():
        frozen = not request.learns and not request.reading.encoder.training
        name = scorer(role).cacheable(kind, wants[role]) if frozen else None
        if name is not None:
            cacheable[(role, kind)] = (scorer(role), name)
    return cacheable


def _unseen(request: Request, known: np.ndarray) -> Request:
    """The request for the texts that are not known."""
    reading = request.reading
    return replace(request, reading=reading._replace(tokens=rows_of(reading.tokens, np.flatnonzero(~known))))
