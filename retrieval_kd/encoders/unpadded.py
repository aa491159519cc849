"""One run of the encoders over real tokens only: for all readers, duplicates once, groups of like length under a token
budget.

The numbers are those of one padded run up to rounding. A group may be recomputed in the backward pass (a non-reentrant
`torch.utils.checkpoint`): then only the readers' tensors of it stay in memory.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.checkpoint import checkpoint

from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.encoders.encoder import Encoded, TextEncoder, full

Key = TypeVar("Key", bound=Hashable)
Tensors = dict[str, Tensor]
_FIELDS = ("ids", "mask", "word", "segment")


class Reading(NamedTuple):
    """Texts [text token] to be read by an encoder; readings of another pass `again` draw dropout anew. At a text's end
    pieces `unattended` are not looked at by others (-1: none). Without `segments` all of a pair is of segment 0.
    """

    encoder: TextEncoder
    tokens: Tokens
    again: int = 0
    unattended: int = -1
    segments: bool = True


@dataclass(frozen=True)
class Request:
    """A reading, how its reader projects each group, and which blocks it needs. `learns`: a gradient will be asked
    for.
    """

    reading: Reading
    project: Callable[[Encoded], Tensors]
    layers: frozenset[int] = frozenset()
    attention: int | None = None
    learns: bool = False


@dataclass(frozen=True)
class EncodeOptions:
    """How groups are run: at most so many tokens each (padding included), recomputed or kept, and the dropout seed (or
    None: as it comes).
    """

    tokens_per_group: int = 2048
    recompute: bool = False
    seed: tuple[int, ...] | None = None


class Count(NamedTuple):
    """Tokens that were computed, and how many of them were real."""

    computed: int = 0
    real: int = 0


class Group(NamedTuple):
    """Texts that are encoded together."""

    texts: Tokens
    members: dict[int, tuple[np.ndarray, np.ndarray]]  # reader → (its rows in the group, its unique texts' numbers)


def run(requests: Mapping[Key, Request], options: EncodeOptions) -> tuple[dict[Key, Tensors], Count]:
    """Every reader's tensors of its texts, in its own order, [text …]; an empty text has zeros."""
    outputs: dict[Key, Tensors] = {}
    computed = real = 0
    for keys in shared(requests):
        tensors, count = _run_one([requests[key] for key in keys], options)
        outputs.update(zip(keys, tensors, strict=True))
        computed, real = computed + count.computed, real + count.real
    return outputs, Count(computed, real)


def shared(requests: Mapping[Key, Request]) -> list[list[Key]]:
    """The keys of the requests that one encoder reads in one pass, for each encoder and pass."""
    keys_by_pass: dict[tuple[int, int, int, bool], list[Key]] = defaultdict(list)
    for key, request in requests.items():
        reading = request.reading
        keys_by_pass[(id(reading.encoder), reading.again, reading.unattended, reading.segments)].append(key)
    return list(keys_by_pass.values())


def _run_one(requests: list[Request], options: EncodeOptions) -> tuple[list[Tensors], Count]:
    """The requests of one encoder and one pass."""
    encoder, again = requests[0].reading.encoder, requests[0].reading.again
    texts, numbers = unique([request.reading.tokens for request in requests])
    groups = grouped(texts, numbers, options.tokens_per_group)
    device = next(encoder.parameters()).device
    learns = any(request.learns for request in requests)
    parts: list[list[tuple[np.ndarray, Tensors]]] = [[] for _ in requests]
    with nullcontext() if learns else torch.no_grad():
        flat = [group.texts.ids[group.texts.mask] for group in groups]
        embedded = encoder.embed(torch.cat(flat).to(device)).split([len(ids) for ids in flat])
        for place, (group, words) in enumerate(zip(groups, embedded, strict=True)):
            seed = None if options.seed is None or not encoder.training else (*options.seed, again, place)
            for reader, tensors in run_group(
                encoder, group, words, requests, recompute=options.recompute and learns, seed=seed
            ).items():
                parts[reader].append((group.members[reader][1], tensors))
        outputs = [_in_order(part, number) for part, number in zip(parts, numbers, strict=True)]
    return outputs, Count(sum(group.texts.mask.numel() for group in groups), sum(len(ids) for ids in flat))


def unique(readings: list[Tokens]) -> tuple[Tokens, list[np.ndarray]]:
    """(the distinct texts; for each reading, its texts' numbers among them, -1 where empty)."""
    seen: dict[bytes, int] = {}
    numbers, first = [], []
    for tokens in readings:
        ids, lengths, word = tokens.ids.numpy(), tokens.mask.sum(1).numpy(), tokens.word.numpy()
        second = tokens.segment.sum(1).numpy()
        number, new = np.full(len(ids), -1), []
        for row in np.flatnonzero(lengths):
            key = ids[row, : lengths[row]].tobytes() + word[row, : lengths[row]].tobytes() + second[row].tobytes()
            if key not in seen:
                seen[key] = len(seen)
                new.append(row)
            number[row] = seen[key]
        numbers.append(number)
        first.append(new)
    if not seen:
        return _STAND_IN, numbers
    width = max(tokens.ids.shape[1] for tokens in readings)
    fields = [
        [_widened(getattr(tokens, name)[rows], width) for tokens, rows in zip(readings, first, strict=True)]
        for name in _FIELDS
    ]
    return Tokens(*(torch.cat(field) for field in fields)), numbers


_STAND_IN = Tokens(  # one padding piece, read where every text is empty: it gives the shapes of their zeros
    torch.zeros(1, 1, dtype=torch.int64),
    torch.ones(1, 1, dtype=torch.bool),
    torch.zeros(1, 1, dtype=torch.bool),
    torch.zeros(1, 1, dtype=torch.int64),
)


def _widened(rows: Tensor, width: int) -> Tensor:
    return pad(rows, (0, width - rows.shape[1]))


def grouped(texts: Tokens, numbers: list[np.ndarray], budget: int) -> list[Group]:
    """Distinct texts, longest first, in groups whose padded size stays under the budget (a longer text is alone)."""
    length = texts.mask.sum(1).numpy()
    order = np.argsort(-length, kind="stable")
    reads = np.zeros((len(numbers), len(order)), dtype=bool)
    for reader, number in enumerate(numbers):
        reads[reader, number[number >= 0]] = True
    reads[~reads.any(1), 0] = True  # for a reader of empty texts alone: this gives the shapes of its zeros
    groups, start = [], 0
    while start < len(order):
        width = int(length[order[start]])
        chosen = order[start : start + max(1, budget // width)]
        start += len(chosen)
        part = Tokens(*(getattr(texts, name)[chosen, :width] for name in _FIELDS))
        rows = {reader: np.flatnonzero(reads[reader, chosen]) for reader in range(len(numbers))}
        groups.append(Group(part, {reader: (row, chosen[row]) for reader, row in rows.items() if len(row)}))
    return groups


def run_group(
    encoder: TextEncoder,
    group: Group,
    words: Tensor,
    requests: list[Request],
    *,
    recompute: bool,
    seed: tuple[int, ...] | None,
) -> dict[int, Tensors]:
    """Encode one group and let each of its readers project its rows."""
    text = group.texts.to(words.device)
    readers = sorted(group.members)
    layers = frozenset().union(*(requests[reader].layers for reader in readers))
    attention = next((requests[reader].attention for reader in readers if requests[reader].attention is not None), None)
    first = requests[readers[0]].reading
    names: dict[int, list[str]] = {}

    def forward(words: Tensor) -> tuple[Tensor, ...]:
        embedded = words.new_zeros((*text.ids.shape, words.shape[-1])).index_put((text.mask,), words)
        how = {"unattended": first.unattended, "segments": first.segments}
        encoded = encoder(text, embedded, layers=layers, attention=attention, **how)
        out: list[Tensor] = []
        for reader in readers:
            tensors = requests[reader].project(_rows(encoded, group.members[reader][0]))
            names[reader] = list(tensors)
            out.extend(map(full, tensors.values()))
        return tuple(out)

    if seed is not None:
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1))
    values = iter(checkpoint(forward, words, use_reentrant=False) if recompute else forward(words))
    return {reader: {name: next(values) for name in names[reader]} for reader in readers}


def _rows(encoded: Encoded, rows: np.ndarray) -> Encoded:
    """The part of a group that one reader reads."""
    if len(rows) == len(encoded.states):
        return encoded
    at = torch.from_numpy(rows).to(encoded.states.device)
    text = Tokens(*(getattr(encoded.text, name)[at] for name in _FIELDS))
    layers = {layer: states[at] for layer, states in encoded.layers.items()}
    return Encoded(text, encoded.states[at], layers, None if encoded.attention is None else encoded.attention[at])


def _in_order(parts: list[tuple[np.ndarray, Tensors]], numbers: np.ndarray) -> Tensors:
    """Groups joined (trailing sizes made equal with zeros), rows put in the reader's order; number -1 gives zeros."""
    where = np.concatenate([texts for texts, _ in parts])
    place = np.full(int(where.max()) + 2, len(where))
    place[where] = np.arange(len(where))
    rows = torch.from_numpy(place[numbers])
    return {
        name: _joined([tensors[name] for _, tensors in parts], empty=bool((numbers < 0).any()))[
            rows.to(parts[0][1][name].device)
        ]
        for name in parts[0][1]
    }


def _joined(tensors: list[Tensor], *, empty: bool) -> Tensor:
    sizes = [max(tensor.shape[axis] for tensor in tensors) for axis in range(1, tensors[0].dim())]
    if empty:
        tensors = [*tensors, tensors[0].new_zeros((1, *tensors[0].shape[1:]))]
    return torch.cat([pad(tensor, _room(tensor, sizes)) for tensor in tensors])


def _room(tensor: Tensor, sizes: list[int]) -> tuple[int, ...]:
    room: tuple[int, ...] = ()
    for have, want in zip(reversed(tensor.shape[1:]), reversed(sizes), strict=True):
        room += (0, want - have)
    return room
