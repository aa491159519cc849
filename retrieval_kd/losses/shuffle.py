"""A control: guides' scores of a query's candidates, shuffled within its list, so that they teach its spread alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates, StepWeights
from retrieval_kd.scorers.view import View

_OWN, _POOL, _QUERIES, _PASSAGES = 11, 12, 13, 14  # what a generator is for, so that no two draws share one


class Orders(NamedTuple):
    """For each place of a query's own list, of its pool, of the step's queries and of the lists end to end, the place
    that is shown there. The last two are for vectors, which belong to a text and not to a pair.
    """

    own: Int[Tensor, "query candidate"]
    pool: Int[Tensor, "query pool"]
    queries: Int[Tensor, "query"]
    passages: Int[Tensor, "text"]


def orders(seed: int, batch: Candidates) -> Orders:
    """Permutations of each query's candidates, of its pool, and of the step's texts, as a function of (seed, step).

    What guided terms never read (absent, without a stored score, in the pool dark) stays where it is. A curriculum
    changes nothing, so that the curriculum and the terms see one order.
    """
    bare = replace(batch, step_weights=None)
    listed, queries = bare.listed, bare.listed.any(1)
    return Orders(
        _permuted(listed, [seed, _OWN, batch.step]),
        _permuted(bare.pooled, [seed, _POOL, batch.step]),
        _permuted(queries[None], [seed, _QUERIES, batch.step])[0],
        _permuted(listed.reshape(1, -1), [seed, _PASSAGES, batch.step])[0],
    )


def shuffled(seed: int | None, views: Mapping[str, View], batch: Candidates) -> Mapping[str, View]:
    """The views with candidates, and the vectors of texts, so exchanged; without a seed as they are."""
    order = None if seed is None else orders(seed, batch)
    return views if order is None else {role: view.permuted(*order) for role, view in views.items()}


def relabelled(seed: int | None, batch: Candidates) -> Candidates:
    """The batch with the labels of each own list in the order in which guides are shown; without a seed as it is."""
    if seed is None:
        return batch
    labels = batch.labels.gather(1, orders(seed, batch).own)
    step_weights = batch.step_weights or StepWeights(
        torch.ones_like(batch.present), torch.ones_like(labels[:, 0]), labels
    )
    return batch.weighted(step_weights._replace(labels=labels))


def _permuted(moves: Tensor, seed: list[int]) -> Tensor:
    """Each row's places, those that move among themselves."""
    moving = moves.cpu().numpy()
    keys = np.where(moving, np.random.default_rng(seed).random(moving.shape), np.inf)
    chosen, places = np.argsort(keys, axis=1, kind="stable"), np.argsort(~moving, axis=1, kind="stable")
    order = np.empty_like(places)
    np.put_along_axis(order, places, chosen, axis=1)
    return torch.from_numpy(order).to(moves.device)
