"""What a scorer shows of a step, and what a term may want to see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor

Feature = Literal["scores", "pool", "layers", "pool_layers", "attention", "vectors"]


class Want(NamedTuple):
    """One thing to be seen; `layer` names a block of the scorer's encoder, from 0, negative from the last."""

    feature: Feature
    layer: int | None = None


@dataclass(frozen=True)
class View:
    """One scorer's answer for the whole step; what no term wanted in this step is not there.

    scores: each query's own list; pool: its whole pool; layers, pool_layers: the same by block; attention: per pair, a
    distribution over passage words for each query word, with its masks; vectors: {"query": [query dim], "passage":
    [query candidate dim]}.
    """

    scores: Float[Tensor, "query candidate"] | None = None
    pool: Float[Tensor, "query pool"] | None = None
    layers: Mapping[int, Float[Tensor, "query candidate"]] = field(default_factory=dict)
    pool_layers: Mapping[int, Float[Tensor, "query pool"]] = field(default_factory=dict)
    attention: Float[Tensor, "query candidate query_token passage_token"] | None = None
    query_mask: Bool[Tensor, "query query_token"] | None = None
    passage_mask: Bool[Tensor, "query candidate passage_token"] | None = None
    vectors: Mapping[str, Tensor] = field(default_factory=dict)

    def map(self, change: Callable[[Tensor], Tensor]) -> "View":
        """The same view with every tensor changed (gathered, detached)."""

        def changed(value: object) -> object:
            if isinstance(value, Tensor):
                return change(value)
            return {key: change(item) for key, item in value.items()} if isinstance(value, Mapping) else value

        return View(**{item.name: changed(getattr(self, item.name)) for item in fields(self)})  # type: ignore[arg-type]


def wanted(found: Tensor | None, what: str) -> Tensor:
    """A feature that a term asked for; absent is a broken invariant, since the term's `wants` names it."""
    assert found is not None, f"{what} was read but not wanted"
    return found
