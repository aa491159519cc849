"""The pure functions that others may rely on: names, arguments, kinds, defaults; `query_weight` may be there too."""

import importlib
import inspect
from inspect import Parameter

import pytest

from tests.contracts.test_losses import files

REQUIRED = Parameter.empty

# function -> (arguments by position, keyword arguments with their defaults)
TABLE: dict[str, tuple[list[str], dict[str, object]]] = {
    "retrieval_kd.losses.contrastive.contrastive": (["scores", "positive"], {"present": None, "temperature": 1.0}),
    "retrieval_kd.losses.listwise_kl.listwise_kl": (
        ["learner", "guide"],
        {"present": None, "learner_temperature": 1.0, "guide_temperature": 1.0, "scale": 1.0},
    ),
    "retrieval_kd.losses.margin_mse.margin_mse": (["learner", "guide", "positive"], {"present": None}),
    "retrieval_kd.losses.rank_net.rank_net": (["scores", "labels"], {"present": None}),
    "retrieval_kd.losses.lambda_rank.lambda_rank": (["scores", "labels"], {"present": None}),
    "retrieval_kd.losses.layer_kl.layer_kl": (
        ["learner", "guide", "positive"],
        {"present": None, "weight_temperature": 10.0},
    ),
    "retrieval_kd.losses.attention_kl.attention_kl": (
        ["learner", "guide"],
        {"query_mask": REQUIRED, "passage_mask": REQUIRED, "present": None},
    ),
    "retrieval_kd.losses.embedding.embedding": (["learner", "guide"], {"present": None, "normalize": True}),
    "retrieval_kd.losses.logit_mse.logit_mse": (["learner", "guide"], {"present": None}),
    "retrieval_kd.losses.decoupled_kl.decoupled_kl": (
        ["learner", "guide", "positive"],
        {"present": None, "temperature": 1.0, "alpha": 1.0, "beta": 1.0},
    ),
    "retrieval_kd.losses.score_norm.score_norm": (["scores"], {"present": None}),
    "retrieval_kd.losses.pair_state.pair_state": (["learner", "guide"], {"present": None}),
    "retrieval_kd.losses.agreement.agreement": (["first", "second"], {"present": None}),
    "retrieval_kd.scorers.late.max_sim": (["query", "passage", "query_mask", "passage_mask"], {}),
    "retrieval_kd.scorers.dual.dot": (["query", "passage"], {}),
    "retrieval_kd.text.fuse.interpolate": (["sparse", "dense"], {"alpha": REQUIRED, "depth": 1000}),
    "retrieval_kd.text.fuse.reciprocal_rank": (["runs"], {"k": 60, "depth": 1000}),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_pure_function_has_the_arguments_that_others_rely_on(name: str) -> None:
    module, _, function = name.rpartition(".")
    arguments = dict(inspect.signature(getattr(importlib.import_module(module), function)).parameters)
    query_weight = arguments.pop("query_weight", None)
    assert query_weight is None or (query_weight.kind is Parameter.KEYWORD_ONLY and query_weight.default is None)
    by_position, by_keyword = TABLE[name]
    assert [key for key, one in arguments.items() if one.kind is Parameter.POSITIONAL_OR_KEYWORD] == by_position
    assert all(arguments[key].default is REQUIRED for key in by_position)
    assert {key: one.default for key, one in arguments.items() if one.kind is Parameter.KEYWORD_ONLY} == by_keyword


def test_every_file_of_losses_stands_in_the_table() -> None:
    assert set(files()) <= {name.rpartition(".")[2] for name in TABLE if ".losses." in name}
