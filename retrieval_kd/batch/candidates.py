"""The batch: every query of a step with its list of candidate passages, and which of them count for what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from retrieval_kd.batch.tokens import Tokenisation, Tokens


class Texts(NamedTuple):
    """One tokenisation's texts of this rank's queries: two sides apart, or pairs joined (then `query` is None).

    query: [query token]; passage: [query candidate token], the passages or the joined pairs.
    """

    query: Tokens | None
    passage: Tokens


class StepWeights(NamedTuple):
    """A curriculum's weights of a step: which candidates count, how much each query counts, and what label each has."""

    keep: Bool[Tensor, "query candidate"]
    query_weight: Float[Tensor, "query"]
    labels: Float[Tensor, "query candidate"]


@dataclass(frozen=True)
class Candidates:
    """One step: its small fields cover every query on every rank; its tokens are those of this rank's queries only.

    `query_id` and `passage_id` are positions (in the training's list of queries and in the collection; -1: made up or
    absent), not the ids of the files.
    A pool is the candidates of `queries_per_pool` consecutive queries; `positive` is the column of a query's positive
    in its pool, or -1 where nobody judged. `known_positives` marks the pool's columns that hold a passage judged
    relevant to the query, or an exact copy of one. `relevance` is the judged grade, -1 where nobody looked; `rank`
    counts from 1 among the run's passages that may be drawn, 0 if it was not drawn from it; `stored` holds scores by
    file, NaN where the file has none.
    """

    step: int
    query_id: Int[Tensor, "query"]
    passage_id: Int[Tensor, "query candidate"]
    present: Bool[Tensor, "query candidate"]
    relevance: Int[Tensor, "query candidate"]
    dark: Bool[Tensor, "query candidate"]
    rank: Int[Tensor, "query candidate"]
    positive: Int[Tensor, "query"]
    known_positives: Bool[Tensor, "query pool"]
    texts: Mapping[Tokenisation, Texts]
    stored: Mapping[str, Float[Tensor, "query candidate"]] = field(default_factory=dict)
    first: int = 0
    local: int = 0
    step_weights: StepWeights | None = None

    @property
    def queries_per_pool(self) -> int:
        return self.known_positives.shape[1] // self.present.shape[1]

    @property
    def rows(self) -> slice:
        """This rank's queries among the step's."""
        return slice(self.first, self.first + self.local)

    @property
    def listed(self) -> Bool[Tensor, "query candidate"]:
        """Guided terms on the own list: present, kept and with every stored score that there should be; dark ones
        included.
        """
        known = self.present
        for scores in self.stored.values():
            known = known & ~scores.isnan()
        return known if self.step_weights is None else known & self.step_weights.keep

    @property
    def pooled(self) -> Bool[Tensor, "query pool"]:
        """Guided terms on the pool: present and kept, never dark."""
        mask = self.spread(self.present & ~self.dark)
        return mask if self.step_weights is None else mask & self._keep_in_own_list(self.step_weights.keep)

    @property
    def negatives(self) -> Bool[Tensor, "query pool"]:
        """Hard terms: what competes with the positive: present, kept, not dark, not judged relevant to the query."""
        return self.pooled & ~self.known_positives

    @property
    def own_positive(self) -> Int[Tensor, "query"]:
        """The positive's column in the query's own list, or -1."""
        return torch.where(self.positive < 0, self.positive, self.positive % self.present.shape[1])

    @property
    def query_weight(self) -> Float[Tensor, "query"] | None:
        return None if self.step_weights is None else self.step_weights.query_weight

    @property
    def labels(self) -> Float[Tensor, "query candidate"]:
        """The curriculum's labels; before a curriculum gave any, the judged grades, 0 where nobody looked."""
        grades = self.relevance.clamp(min=0).to(torch.get_default_dtype())
        return grades if self.step_weights is None else self.step_weights.labels

    def weighted(self, step_weights: StepWeights) -> "Candidates":
        return replace(self, step_weights=step_weights)

    def spread(self, own: Tensor) -> Tensor:
        """A field of the candidates as each query sees its whole pool: [query candidate] → [query pool]."""
        pools = own.reshape(-1, 1, self.known_positives.shape[1])
        return pools.expand(-1, self.queries_per_pool, -1).reshape(self.known_positives.shape)

    def own_columns(self) -> Int[Tensor, "query candidate"]:
        """The columns of a query's pool that are its own candidates."""
        queries, candidates = self.present.shape
        places = torch.arange(queries, device=self.present.device) % self.queries_per_pool
        return places[:, None] * candidates + torch.arange(candidates, device=self.present.device)

    def _keep_in_own_list(self, keep: Bool[Tensor, "query candidate"]) -> Bool[Tensor, "query pool"]:
        return torch.ones_like(self.known_positives).scatter(1, self.own_columns(), keep)

    def _map(self, move: Callable[[Any], Any]) -> "Candidates":
        def moved(value: Any) -> Any:
            if isinstance(value, Tensor | Tokens):
                return move(value)
            if isinstance(value, Texts | StepWeights):
                return type(value)(*map(moved, value))
            return {key: moved(item) for key, item in value.items()} if isinstance(value, Mapping) else value

        return replace(self, **{item.name: moved(getattr(self, item.name)) for item in fields(self)})

    def to(self, device: torch.device | str) -> "Candidates":
        return self._map(
            lambda value: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value.to(device)
        )

    def pin_memory(self) -> "Candidates":
        return self._map(lambda value: value.pin_memory())
