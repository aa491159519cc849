"""A step made of numbers: a batch whose every field is set by hand, and views with whatever a term wants of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import NamedTuple

import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates, StepWeights
from retrieval_kd.losses.term import Term
from retrieval_kd.scorers.view import View, Want

QUERIES, LISTED, PER_POOL = 4, 3, 2  # 4 queries × 3 candidates, two queries a pool: pools of 6
POOL = LISTED * PER_POOL
QUERY_WORDS, PASSAGE_WORDS, DIM = 2, 4, 5
ABSENT = (2, 2)  # (query, candidate): the list of query 2 is shorter than the others
DROPPED = (0, 1)  # a negative of query 0, which a curriculum may drop
UNJUDGED = 3  # the query without a positive


class Step(NamedTuple):
    """A batch, and the view of each role."""

    batch: Candidates
    views: dict[str, View]


def batch(listed: int = LISTED, *, empty: bool = False, dtype: torch.dtype = torch.float64) -> Candidates:
    """The batch; `listed` candidates a query, ragged if there are several; `empty`: nothing present, nothing judged."""
    shape = (QUERIES, listed)
    present, relevance = torch.ones(shape, dtype=torch.bool), torch.full(shape, -1)
    positive = torch.arange(QUERIES) % PER_POOL * listed
    known_positives = torch.zeros(QUERIES, listed * PER_POOL, dtype=torch.bool)
    positive[UNJUDGED] = -1
    if listed > 1:
        present[ABSENT] = False
        relevance[1, 2] = 0
        known_positives[0, listed] = True  # the positive of query 1 is judged relevant to query 0 too
    if empty:
        present, positive = torch.zeros_like(present), torch.full_like(positive, -1)
    judged = positive >= 0
    relevance[judged, 0] = 1
    known_positives[judged] = known_positives[judged].scatter(1, positive[judged][:, None], True)
    made = Candidates(
        step=0,
        query_id=torch.arange(QUERIES),
        passage_id=torch.where(present, torch.arange(QUERIES * listed).reshape(shape), -1),
        present=present,
        relevance=relevance,
        dark=torch.zeros(shape, dtype=torch.bool),
        rank=torch.arange(listed).expand(shape).clone(),
        positive=positive,
        known_positives=known_positives,
        texts={},
        local=QUERIES,
    )
    return made.weighted(weigh(made, dtype=dtype))


def weigh(made: Candidates, *, dtype: torch.dtype = torch.float64) -> StepWeights:
    """Everything counts, at a query_weight of its own for each query; the labels of a list are all different."""
    labels = torch.arange(made.present.shape[1], 0, -1, dtype=dtype).expand(made.present.shape).clone()
    return StepWeights(torch.ones_like(made.present), torch.tensor([1.0, 0.5, 2.0, 1.5], dtype=dtype), labels)


def view(
    wants: Iterable[Want],
    chance: torch.Generator,
    *,
    listed: int = LISTED,
    size: float = 2.0,
    dtype: torch.dtype = torch.float64,
) -> View:
    """Leaves for all that is wanted: scores of about `size`, attention rows that sum to one over their words."""

    def leaf(*shape: int) -> Tensor:
        return (torch.randn(shape, generator=chance, dtype=torch.float64) * size).to(dtype).requires_grad_()

    wants = set(wants)
    features = {want.feature for want in wants}
    words = torch.ones(QUERIES, listed, PASSAGE_WORDS, dtype=torch.bool)
    words[1, 0, 2:] = False
    rows = torch.rand(QUERIES, listed, QUERY_WORDS, PASSAGE_WORDS, generator=chance, dtype=torch.float64) + 0.1
    rows = rows * words[:, :, None]
    return View(
        scores=leaf(QUERIES, listed) if "scores" in features else None,
        pool=leaf(QUERIES, listed * PER_POOL) if "pool" in features else None,
        layers=_by_layer(wants, "layers", lambda: leaf(QUERIES, listed)),
        pool_layers=_by_layer(wants, "pool_layers", lambda: leaf(QUERIES, listed * PER_POOL)),
        attention=(rows / rows.sum(-1, keepdim=True)).to(dtype).requires_grad_() if "attention" in features else None,
        query_mask=torch.tensor([[True, True], [True, False]] * 2) if "attention" in features else None,
        passage_mask=words if "attention" in features else None,
        vectors={"query": leaf(QUERIES, DIM), "passage": leaf(QUERIES, listed, DIM)} if "vectors" in features else {},
        states=leaf(QUERIES, listed, 3 * DIM) if "states" in features else None,
    )


def _by_layer(wants: Iterable[Want], feature: str, make: Callable[[], Tensor]) -> dict[int, Tensor]:
    named = sorted(want.layer for want in wants if want.feature == feature and want.layer is not None)
    return {layer: make() for layer in named}


def step(term: Term, *, listed: int = LISTED, empty: bool = False, size: float = 2.0, seed: int = 0) -> Step:
    """A batch, and for each role of a term a view with what the term wants of it in this step; float64."""
    chance = torch.Generator().manual_seed(seed)
    wants = term.wants(0)
    views = {role: view(wants[role], chance, listed=listed, size=size) for role in sorted(wants)}
    return Step(batch(listed, empty=empty), views)


def leaves(shown: View) -> list[Tensor]:
    """Every number tensor of a view, in one order."""
    tensors: list[Tensor] = []
    shown.map(lambda tensor: tensors.append(tensor) or tensor if tensor.is_floating_point() else tensor)
    return tensors


def holding(shown: View, numbers: Iterable[Tensor]) -> View:
    """The view with its number tensors replaced, in the order of `leaves`."""
    given = iter(numbers)
    return shown.map(lambda tensor: next(given) if tensor.is_floating_point() else tensor)


def changed(shown: View, change: Callable[[Tensor], Tensor]) -> View:
    """The view with every number tensor changed, as new leaves."""
    return holding(shown, [change(leaf.detach().clone()).requires_grad_() for leaf in leaves(shown)])


def is_list(tensor: Tensor) -> bool:
    """Whether a tensor's second axis is a query's own list."""
    return tensor.dim() > 1 and tensor.shape[1] == LISTED


def is_pool(tensor: Tensor) -> bool:
    """Whether a tensor's second axis is a query's pool."""
    return tensor.dim() > 1 and tensor.shape[1] == POOL


def permuted(made: Step, order: Tensor) -> Step:
    """The step with each query's candidates in another order; order: [query candidate]."""
    places = torch.arange(QUERIES) % PER_POOL
    columns = (places[:, None] * LISTED + order).reshape(-1, 1, POOL).expand(-1, PER_POOL, -1).reshape(QUERIES, POOL)

    def moved(tensor: Tensor) -> Tensor:
        if not (is_list(tensor) or is_pool(tensor)):
            return tensor
        chosen = order if is_list(tensor) else columns
        return tensor.gather(
            1, chosen.reshape(*chosen.shape, *[1] * (tensor.dim() - 2)).expand(-1, -1, *tensor.shape[2:])
        )

    values_by_name = {item.name: getattr(made.batch, item.name) for item in fields(made.batch)}
    small = {
        name: moved(value) for name, value in values_by_name.items() if isinstance(value, Tensor) and name != "positive"
    }
    new_column = columns.argsort(1).gather(1, made.batch.positive.clamp(min=0)[:, None])[:, 0]
    positive = torch.where(made.batch.positive < 0, -1, new_column)
    assert made.batch.step_weights is not None
    taught = StepWeights(*map(moved, made.batch.step_weights))
    views = {role: shown.map(moved) for role, shown in made.views.items()}
    return Step(replace(made.batch, **small, positive=positive, step_weights=taught), views)


def value(term: Term, made: Step | tuple[Candidates, Mapping[str, View]]) -> Tensor:
    """The term's unweighted loss of a step."""
    loss: Tensor = term(made[1], made[0])
    return loss
