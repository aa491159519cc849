"""What a scorer shows of a step, and what a term may want to see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Feature = Literal["scores", "pool", "layers", "pool_layers", "attention", "vectors", "states"]
Heads = Literal["mean", "each"]


class Want(NamedTuple):
    """One thing to be seen; `layer` names a block of the scorer's encoder, from 0, negative from the last; `heads`:
    a cross-encoder's shares of attention are those of its heads' mean, or the mean of each head's.
    """

    feature: Feature
    layer: int | None = None
    heads: Heads = "mean"


@dataclass(frozen=True)
class View:
    """One scorer's answer for the whole step; what no term wanted in this step is not there.

    scores: each query's own list; pool: its whole pool; layers, pool_layers: the same by block; attention: per pair, a
    distribution over passage words for each query word, with its masks; vectors: {"query": [query dim], "passage":
    [query candidate dim]}; states: per pair, what was pooled of its tokens.
    """

    scores: Float[Tensor, "query candidate"] | None = None
    pool: Float[Tensor, "query pool"] | None = None
    layers: Mapping[int, Float[Tensor, "query candidate"]] = field(default_factory=dict)
    pool_layers: Mapping[int, Float[Tensor, "query pool"]] = field(default_factory=dict)
    attention: Float[Tensor, "query candidate query_token passage_token"] | None = None
    query_mask: Bool[Tensor, "query query_token"] | None = None
    passage_mask: Bool[Tensor, "query candidate passage_token"] | None = None
    vectors: Mapping[str, Tensor] = field(default_factory=dict)
    states: Float[Tensor, "query candidate dim"] | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> "View":
        """The same view with every tensor changed (gathered, detached)."""

        def changed(value: object) -> object:
            if isinstance(value, Tensor):
                return change(value)
            return {key: change(item) for key, item in value.items()} if isinstance(value, Mapping) else value

        return View(**{item.name: changed(getattr(self, item.name)) for item in fields(self)})  # type: ignore[arg-type]

    def permuted(self, own: Tensor, pool: Tensor, queries: Tensor, passages: Tensor) -> "View":
        """Candidates exchanged within lists and pools, vectors over the step: for each place, the one shown there."""
        by_list = ("scores", "layers", "attention", "passage_mask", "states")
        lists = {name: _permuted(getattr(self, name), own) for name in by_list}
        order = {"query": queries, "passage": passages.view(own.shape)}
        vectors = {kind: rows.flatten(0, -2)[order[kind]] for kind, rows in self.vectors.items()}
        pools = {name: _permuted(getattr(self, name), pool) for name in ("pool", "pool_layers")}
        return replace(self, **lists, **pools, vectors=vectors)


def _permuted(rows: Any, order: Tensor) -> Any:
    if isinstance(rows, Mapping):
        return {key: _permuted(part, order) for key, part in rows.items()}
    return None if rows is None else torch.take_along_dim(rows, order[(..., *[None] * (rows.dim() - 2))], 1)


def wanted(tensor: Tensor | None, feature: str) -> Tensor:
    """A feature that a term asked for; absent is a broken invariant, since the term's `wants` names it."""
    assert tensor is not None, f"{feature} was read but not wanted"
    return tensor
