"""What groups will keep in memory, against what they do keep."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.tokens import Frame, Tokens, apart
from retrieval_kd.encoders.encoder import Encoded, TextEncoder
from retrieval_kd.encoders.footprint import Footprint, footprint
from retrieval_kd.encoders.unpadded import EncodeOptions, Reading, Request, Tensors, run

GROUP = 256


@pytest.fixture
def texts() -> Tokens:
    """Sixty-four texts, framed to 22 tokens: groups of eleven, the last one of nine."""
    return apart(Ragged.of(np.random.default_rng(0).integers(5, 45, size=(64, 20)).tolist()), Frame((2,), (3,), 32))


def request(encoder: TextEncoder, texts: Tokens, *, learns: bool = True) -> dict[str, Request]:
    return {"it": Request(Reading(encoder, texts), lambda encoded: {"tokens": encoded.states}, learns=learns)}


def kept_by(running: Callable[[], object], encoder: TextEncoder) -> int:
    """Bytes of distinct storages that autograd saves, weights left aside."""
    seen: dict[int, torch.UntypedStorage] = {}

    def note(tensor: Tensor) -> Tensor:
        seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        result = running()
    assert result is not None
    for weight in encoder.parameters():
        seen.pop(weight.untyped_storage().data_ptr(), None)
    return sum(storage.nbytes() for storage in seen.values())


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_what_is_forecast_is_what_autograd_saves(backbone: Path, texts: Tokens, dropout: float) -> None:
    encoder = TextEncoder.load(backbone, layers=None, dropout=dropout).train()
    asked = request(encoder, texts)
    forecast = footprint(asked, EncodeOptions(GROUP))
    assert forecast.groups == pytest.approx(kept_by(lambda: run(asked, EncodeOptions(GROUP)), encoder), rel=0.1)
    assert forecast.largest == pytest.approx(forecast.groups * 11 / 64, rel=1e-6), "eleven of the texts are a group"
    assert forecast.outputs == 64 * 22 * encoder.width * 4
    assert (
        forecast.of(recompute=True)
        == forecast.largest + forecast.outputs
        < forecast.of(recompute=False)
        == forecast.groups + forecast.outputs
    )


def test_a_frozen_encoder_keeps_nothing(backbone: Path, texts: Tokens) -> None:
    encoder = TextEncoder.load(backbone, layers=None, dropout=0.0)
    assert footprint(request(encoder, texts, learns=False), EncodeOptions(GROUP)) == Footprint()


def test_two_encoders_add_up_and_the_heavier_group_is_the_largest(backbone: Path, texts: Tokens) -> None:
    three, one = (TextEncoder.load(backbone, layers=layers, dropout=0.0) for layers in (None, [0]))
    alone = footprint(request(three, texts), EncodeOptions(GROUP))
    both = footprint({**request(three, texts), "other": request(one, texts)["it"]}, EncodeOptions(GROUP))
    assert both.largest == alone.largest
    assert 1.2 * alone.groups < both.groups < 1.8 * alone.groups


def test_half_precision_keeps_less(backbone: Path, texts: Tokens) -> None:
    encoder = TextEncoder.load(backbone, layers=None, dropout=0.0)
    full = footprint(request(encoder, texts), EncodeOptions(GROUP))
    with torch.autocast("cpu", torch.bfloat16):
        half = footprint(request(encoder, texts), EncodeOptions(GROUP))
    assert half.groups < 0.9 * full.groups


@pytest.mark.slow
def test_what_was_run_is_let_go(backbone: Path, texts: Tokens) -> None:
    encoder = TextEncoder.load(backbone, layers=None, dropout=0.1).train()
    alive: list[weakref.ref[Tensor]] = []

    def keep(encoded: Encoded) -> Tensors:
        alive.append(weakref.ref(encoded.states))
        return {"tokens": encoded.states * 2}

    footprint({"it": Request(Reading(encoder, texts), keep, learns=True)}, EncodeOptions(GROUP))
    gc.collect()
    assert len(alive) == 2
    assert [one() for one in alive] == [None, None]


def test_only_the_heaviest_group_is_run_whole(backbone: Path, texts: Tokens) -> None:
    encoder, seen = TextEncoder.load(backbone, layers=None, dropout=0.0), []

    def keep(encoded: Encoded) -> Tensors:
        seen.append(len(encoded.states))
        return {"tokens": encoded.states}

    footprint({"it": Request(Reading(encoder, texts), keep, learns=True)}, EncodeOptions(GROUP))
    assert seen == [1, 11]
