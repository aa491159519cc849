"""What a scorer shows."""

import pytest
import torch

from retrieval_kd.scorers.view import View, wanted


def test_every_tensor_of_a_view_is_changed_and_nothing_else() -> None:
    view = View(
        scores=torch.ones(2, 3),
        pool_layers={1: torch.ones(2, 6)},
        vectors={"query": torch.ones(2, 4), "passage": torch.ones(2, 3, 4)},
    )
    doubled = view.map(lambda some: 2 * some)
    tensors = [doubled.scores, doubled.pool_layers[1], doubled.vectors["query"], doubled.vectors["passage"]]
    assert all((tensor == 2).all() for tensor in tensors)
    assert (doubled.pool, doubled.attention, doubled.layers) == (None, None, {})
    assert view.scores is not None
    assert (view.scores == 1).all()


def test_reading_what_was_not_wanted_is_a_broken_promise() -> None:
    with pytest.raises(AssertionError, match="pool was read but not wanted"):
        wanted(View().pool, "pool")
