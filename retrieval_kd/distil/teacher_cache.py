"""Frozen scorers are paid once: what they made of a text is recalled from disk, in this step and any later recipe."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from retrieval_kd.encoders.unpadded import Count, EncodeOptions, Kept, Request, run
from retrieval_kd.scorers.embedding_cache import EmbeddingCache, keys_of, rows_of
from retrieval_kd.scorers.scorer import Kind, Scorer
from retrieval_kd.scorers.view import Want

Asked = tuple[str, Kind]
Wants = Mapping[str, frozenset[Want]]


def union(*several: Wants) -> Wants:
    """All that any of them wants."""
    nobody: frozenset[Want] = frozenset()
    return {role: nobody.union(*(one.get(role, nobody) for one in several)) for some in several for role in some}


class TeacherCache:
    """Runs a step's requests, of frozen scorers only for the texts that were never seen before.

    `folder` is where memories lie, one for each frozen scorer's weights, tokenisation and precision; None remembers
    nothing. Numbers are those of the run that made them, so they may differ by rounding from a run of other groups.
    """

    def __init__(self, folder: Path | None = None, *, precision: str = "32-true") -> None:
        self.folder, self.precision = folder, precision
        self._memories: dict[Asked, EmbeddingCache] = {}

    def run(
        self, requests: Mapping[Asked, Request], options: EncodeOptions, wants: Wants, scorer: Callable[[str], Scorer]
    ) -> tuple[dict[Asked, Kept], Count]:
        """As encoders.unpadded.run, for requests by role and kind of text; `scorer` tells whose each is."""
        names = {} if self.folder is None else _lasting(requests, wants, scorer)
        keys = {asked: keys_of(requests[asked].reading.tokens) for asked in names}
        known = {asked: self._memory(asked, *names[asked]).known(some) for asked, some in keys.items()}
        left = {asked: request for asked, request in requests.items() if asked not in names}
        left |= {asked: _unseen(requests[asked], known[asked]) for asked in names if not known[asked].all()}
        kept, count = run(left, options)
        for asked, (_, name) in names.items():
            kept[asked] = self._whole(asked, name, keys[asked], known[asked], kept.get(asked), requests[asked])
        return kept, count

    def write(self) -> None:
        """Puts what is new on disk."""
        for memory in self._memories.values():
            memory.write()

    def _whole(
        self, asked: Asked, name: str, keys: list[bytes], known: np.ndarray, made: Kept | None, request: Request
    ) -> Kept:
        memory = self._memories[asked]
        if made is not None:
            unseen = [keys[row] for row in np.flatnonzero(~known)]
            memory.add(unseen, made[name].float().cpu().numpy())
        device = next(request.reading.encoder.parameters()).device
        return {name: torch.from_numpy(memory.recall(keys)).to(device)}

    def _memory(self, asked: Asked, scorer: Scorer, name: str) -> EmbeddingCache:
        if asked not in self._memories:
            assert self.folder is not None
            said = f"{scorer.weights_digest(asked[1])} {scorer.beside_weights()} {name} {self.precision}"
            digest = hashlib.sha256(said.encode()).hexdigest()
            self._memories[asked] = EmbeddingCache(self.folder / f"memory-{digest[:16]}")
        return self._memories[asked]


def _lasting(
    requests: Mapping[Asked, Request], wants: Wants, scorer: Callable[[str], Scorer]
) -> dict[Asked, tuple[Scorer, str]]:
    """What stays true of a text from step to step: the one tensor that a frozen scorer keeps of it, if it is one."""
    found = {}
    for (role, kind), request in requests.items():
        frozen = not request.learns and not request.reading.encoder.training
        name = scorer(role).cacheable(kind, wants[role]) if frozen else None
        if name is not None:
            found[(role, kind)] = (scorer(role), name)
    return found


def _unseen(request: Request, known: np.ndarray) -> Request:
    """The request for the texts that are not known."""
    reading = request.reading
    return replace(request, reading=reading._replace(tokens=rows_of(reading.tokens, np.flatnonzero(~known))))
