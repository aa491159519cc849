"""The memory that a step will need, said before the first one."""

import re
from pathlib import Path

import pytest
import torch

from retrieval_kd.distil.forecast import resident, sentence
from retrieval_kd.encoders.footprint import Footprint
from tests.distil.training import Ground, distiller, scorer_node, train, weights

GB = 10**9


def test_a_forecast_is_reported_once_and_changes_no_weight(ground: Ground, tmp_path: Path) -> None:
    messages: list[str] = []
    trained = {}
    for name, tell in (("silent", None), ("reporting", messages.append)):
        module = distiller("contrastive", scorer_node(ground, "dual", dropout=0.2))
        train(ground, module, tmp_path / name, tell=tell)
        trained[name] = weights(module)
    assert all(torch.equal(trained["silent"][name], value) for name, value in trained["reporting"].items())
    (sentence_said,) = messages
    assert re.match(r"a step needs about \S+ GB of memory: \S+ GB weights, gradients and AdamW, ", sentence_said)


def test_a_frozen_weight_has_neither_gradient_nor_moments(ground: Ground) -> None:
    alone = distiller("contrastive", scorer_node(ground, "dual"))
    taught = distiller("listwise_kl", scorer_node(ground, "dual"), {"late": scorer_node(ground, "late")})
    frozen = sum(value.numel() * 4 for value in taught.scorer("late").parameters())
    assert resident(alone) == sum(value.numel() * 16 for value in alone.scorers.parameters())
    assert resident(taught) == resident(alone) + frozen


@pytest.mark.parametrize(
    ("recompute", "has", "ending"),
    [
        (
            False,
            9 * GB,
            "a step needs about 6 GB of memory: 1 GB weights, gradients and AdamW, 5 GB activations "
            "(optim.recompute=true: 2.5 GB in all)",
        ),
        (False, 5 * GB, "; there are 5 GB: set optim.recompute=true"),
        (True, 2 * GB, "; there are 2 GB: set a smaller optim.tokens_per_group or data.queries_per_step"),
    ],
)
def test_where_it_is_too_much_it_says_what_to_set(recompute: bool, has: int, ending: str) -> None:
    assert sentence(GB, Footprint(4 * GB, GB // 2, GB), recompute=recompute, has=has).endswith(ending)
