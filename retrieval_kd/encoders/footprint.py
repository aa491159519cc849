"""What running groups will keep in memory for the backward pass, found by running the heaviest of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from retrieval_kd.encoders.unpadded import EncodeOptions, Key, Request, grouped, run_group, shared, unique


class Footprint(NamedTuple):
    """Bytes: `groups` for the activations of all groups at once, `largest` of them for the heaviest group, `outputs`
    for the tensors that readers take from all texts, which stay whether groups are recomputed or not.
    """

    groups: int = 0
    largest: int = 0
    outputs: int = 0

    def of(self, *, recompute: bool) -> int:
        """What a step keeps."""
        return (self.largest if recompute else self.groups) + self.outputs


def footprint(requests: Mapping[Key, Request], options: EncodeOptions) -> Footprint:
    """The footprint of a step's requests.

    Of each encoder that learns, the longest text is run forward, then the group of the longest texts, and the bytes are
    counted that autograd saves the second time: what every group shares (weights, and their copies in half precision)
    was saved the first time. The other groups are taken to keep as much for a token, padding included. Frozen encoders
    keep nothing. What was run is let go.
    """
    parts = [_of_one([requests[key] for key in keys], options) for keys in shared(requests)]
    groups, outputs = (sum(getattr(one, name) for one in parts) for name in ("groups", "outputs"))
    return Footprint(groups, max((one.largest for one in parts), default=0), outputs)


def _of_one(requests: list[Request], options: EncodeOptions) -> Footprint:
    if not any(request.learns for request in requests):
        return Footprint()
    encoder = requests[0].reading.encoder
    texts, numbers = unique([request.reading.tokens for request in requests])
    groups = grouped(texts, numbers, options.tokens_per_group)
    alone, first = grouped(texts, numbers, 1)[0], groups[0]
    known = {value.untyped_storage().data_ptr() for value in encoder.parameters()}
    alive: list[Any] = []  # so that no storage is freed and its place taken by another
    saved: list[int] = []

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        alive.append(storage)
        if storage.data_ptr() not in known:
            known.add(storage.data_ptr())
            saved[-1] += storage.nbytes()
        return tensor.detach()  # a node that held its own result would never be freed

    parts: dict[int, dict[str, Tensor]] = {}
    for group in (alone, first):
        saved.append(0)
        words = encoder.embed(group.texts.ids[group.texts.mask].to(next(encoder.parameters()).device))
        with saved_tensors_hooks(count, lambda tensor: tensor):
            parts = run_group(encoder, group, words, requests, recompute=False, seed=None)
        alive.append(parts)
    times = sum(group.texts.mask.numel() for group in groups) / first.texts.mask.numel()
    outputs = sum(value.numel() * value.element_size() for tensors in parts.values() for value in tensors.values())
    alive.clear()
    return Footprint(round(saved[-1] * times), saved[-1], round(outputs * times))
