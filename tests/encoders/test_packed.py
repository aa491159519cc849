"""Texts run end to end, against the same texts padded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel

from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.encoders import packed
from retrieval_kd.encoders.encoder import Encoded, TextEncoder

FAMILIES = ("bert", "distilbert", "electra", "ernie", "roberta", "xlm-roberta")
SIZES = {
    "hidden_size": 16,
    "embedding_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


@pytest.fixture
def pairs(mixed: Tokens) -> Tokens:
    """Texts of two segments, none of them empty."""
    some = mixed.mask.any(1)
    segment = (torch.arange(mixed.ids.shape[1]) > 2) & mixed.mask[some]
    return Tokens(mixed.ids[some], mixed.mask[some], mixed.word[some], segment.long())


def encoder(family: str, **values: Any) -> TextEncoder:
    torch.manual_seed(0)
    types = 1 if "roberta" in family else 2
    config = AutoConfig.for_model(family, vocab_size=64, type_vocab_size=types, **SIZES, **values)
    return TextEncoder(AutoModel.from_config(config), folder=Path(), kept_layers=[0, 1, 2], depth=3).eval()


def embedded(made: TextEncoder, text: Tokens) -> Tensor:
    return made.embed(text.ids.flatten()).view(*text.ids.shape, made.width)


def looked(made: TextEncoder, text: Tokens, *, packs: bool) -> tuple[Encoded, dict[str, Tensor]]:
    """States where there is text, and the gradients of a sum that weighs them differently."""
    made.packs = packs
    made.zero_grad()
    outputs = made(text, embedded(made, text), layers=[0, 2])
    weight = torch.linspace(-1, 1, outputs.states.numel(), dtype=outputs.states.dtype).view_as(outputs.states)
    (outputs.states * weight * text.mask[..., None]).sum().backward()
    return outputs, {name: value.grad for name, value in made.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("dtype", "forward", "backward"), [(torch.float32, 1e-5, 1e-4), (torch.float64, 1e-12, 1e-10)])
def test_packed_is_padded(family: str, pairs: Tokens, dtype: torch.dtype, forward: float, backward: float) -> None:
    made = encoder(family).to(dtype)
    assert packed.can_pack(made.backbone)
    padded, expected = looked(made, pairs, packs=False)
    outputs, gradients = looked(made, pairs, packs=True)
    real = pairs.mask[..., None]
    assert ((outputs.states - padded.states) * real).abs().max() < forward
    for layer in (0, 2):
        assert ((outputs.layers[layer] - padded.layers[layer]) * real).abs().max() < forward
    assert (outputs.states * ~real).abs().max() == 0
    assert gradients.keys() == expected.keys()
    assert max((gradients[name] - expected[name]).abs().max().item() for name in expected) < backward


def test_no_text_reads_another(pairs: Tokens) -> None:
    made = encoder("bert")
    one = looked(made, pairs, packs=True)[0].states
    other = replace(pairs, ids=pairs.ids.clone())
    other.ids[1, 1] = 40 if pairs.ids[1, 1] != 40 else 41
    two = looked(made, other, packs=True)[0].states
    changed = (one - two).abs().flatten(1).amax(1) > 0
    assert changed.tolist() == [row == 1 for row in range(len(changed))]


def test_attention_that_is_looked_at_is_never_packed(pairs: Tokens) -> None:
    made = encoder("bert")
    made.backbone.set_attn_implementation("eager")  # type: ignore[operator]
    made.packs = True
    assert made(pairs, embedded(made, pairs), attention=2).attention.shape[-2:] == pairs.ids.shape[-1:] * 2


def test_what_mixes_neighbours_or_turns_positions_is_not_offered() -> None:
    turned = AutoConfig.for_model("modernbert", vocab_size=64, pad_token_id=0, **SIZES)
    mixed = AutoConfig.for_model("mobilebert", vocab_size=64, **{**SIZES, "intra_bottleneck_size": 16})
    for config in (turned, mixed):
        assert not packed.can_pack(AutoModel.from_config(config))


@pytest.mark.parametrize(
    ("dtype", "capability", "dropout", "chosen"),
    [
        (torch.bfloat16, (9, 0), 0.0, True),
        (torch.float16, (8, 0), 0.0, True),
        (torch.float32, (9, 0), 0.0, False),
        (torch.bfloat16, (7, 5), 0.0, False),
        (torch.bfloat16, (9, 0), 0.1, False),
    ],
)
def test_it_is_chosen_where_the_kernel_is(
    dtype: torch.dtype,
    capability: tuple[int, int],
    dropout: float,
    chosen: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = encoder("bert", attention_probs_dropout_prob=dropout).train()
    gpu = torch.device("cuda", 0)
    assert not packed.has_kernel(made.backbone, torch.device("cpu"), dtype)
    packed._kernel.cache_clear()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert packed.has_kernel(made.backbone, gpu, dtype) is chosen
    assert packed.has_kernel(made.eval().backbone, gpu, dtype) is (chosen or dropout > 0)
    packed._kernel.cache_clear()
