"""A control: what guides say of a query's candidates, shuffled within its list, so that they teach its spread alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates, Lesson
from retrieval_kd.scorers.view import View

_OWN, _POOL = 11, 12  # what a generator is for, so that no two draws share one


class Orders(NamedTuple):
    """For each place of a query's own list and of its pool, the place that is shown there."""

    own: Int[Tensor, "query candidate"]
    pool: Int[Tensor, "query pool"]


def orders(seed: int, batch: Candidates) -> Orders:
    """One permutation of each query's candidates and one of its pool, as a function of (seed, step) alone.

    What guided terms never read (absent, without a stored score, in the pool dark) stays where it is. A lesson changes
    nothing, so that the curriculum and the terms see one order.
    """
    bare = replace(batch, lesson=None)
    return Orders(_permuted(bare.listed, [seed, _OWN, batch.step]), _permuted(bare.pooled, [seed, _POOL, batch.step]))


def shuffled(seed: int | None, views: Mapping[str, View], batch: Candidates) -> Mapping[str, View]:
    """The views with each query's candidates so exchanged; without a seed as they are."""
    order = None if seed is None else orders(seed, batch)
    return views if order is None else {role: view.permuted(*order) for role, view in views.items()}


def relabelled(seed: int | None, batch: Candidates) -> Candidates:
    """The batch with the labels of each own list in the order in which guides are shown; without a seed as it is."""
    if seed is None:
        return batch
    labels = batch.labels.gather(1, orders(seed, batch).own)
    lesson = batch.lesson or Lesson(torch.ones_like(batch.present), torch.ones_like(labels[:, 0]), labels)
    return batch.taught(lesson._replace(labels=labels))


def _permuted(moves: Tensor, seed: list[int]) -> Tensor:
    """Each row's places, those that move among themselves."""
    there = moves.cpu().numpy()
    keys = np.where(there, np.random.default_rng(seed).random(there.shape), np.inf)
    chosen, places = np.argsort(keys, axis=1, kind="stable"), np.argsort(~there, axis=1, kind="stable")
    order = np.empty_like(places)
    np.put_along_axis(order, places, chosen, axis=1)
    return torch.from_numpy(order).to(moves.device)
