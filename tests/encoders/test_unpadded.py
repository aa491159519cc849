"""One run over real tokens only, against a padded run of the backbone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.tokens import Frame, Tokens, apart
from retrieval_kd.encoders.encoder import Encoded, TextEncoder
from retrieval_kd.encoders.pooling import pool
from retrieval_kd.encoders.unpadded import Count, EncodeOptions, Reading, Request, Tensors, run

Open = Callable[..., TextEncoder]
BUDGETS = [1, 30, 64, 4096]  # tokens a group: every text alone, a few of them, all of them


@pytest.fixture
def open_encoder(backbone: Path) -> Open:
    def open_encoder(
        *, layers: list[int] | None = None, dropout: float = 0.0, dtype: torch.dtype = torch.float32
    ) -> TextEncoder:
        return TextEncoder.load(backbone, layers=layers, dropout=dropout).to(dtype).train(dropout > 0)

    return open_encoder


def mean(encoded: Encoded) -> Tensors:
    return {"mean": pool(encoded.states, encoded.text, "mean")}


def tokens_too(encoded: Encoded) -> Tensors:
    return {"tokens": encoded.states, "counted": encoded.text.mask} | mean(encoded)


def one(
    encoder: TextEncoder, texts: Tokens, running: EncodeOptions, keep: Callable[[Encoded], Tensors] = mean
) -> Tensors:
    return run({"it": Request(Reading(encoder, texts), keep, learns=True)}, running)[0]["it"]


def padded(encoder: TextEncoder, texts: Tokens) -> Tensor:
    """Mean vectors by one plain run of the backbone, zeros where a text is empty."""
    some = texts.mask.any(1)
    out = encoder.backbone(input_ids=texts.ids[some], attention_mask=texts.mask[some].long())
    weight = texts.mask[some].to(out.last_hidden_state.dtype)
    vectors = (out.last_hidden_state * weight[..., None]).sum(1) / weight.sum(1, keepdim=True)
    return vectors.new_zeros(len(texts.ids), vectors.shape[1]).index_put((some,), vectors)


def gradients(encoder: TextEncoder, vectors: Tensor) -> dict[str, Tensor]:
    """Of a sum that weighs every component differently."""
    encoder.zero_grad()
    (vectors * torch.linspace(-1, 1, vectors.numel(), dtype=vectors.dtype).view_as(vectors)).sum().backward()
    return {name: value.grad for name, value in encoder.named_parameters() if value.grad is not None}


def furthest(some: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    assert set(some) == set(other)
    return max((some[name] - other[name]).abs().max().item() for name in some)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("layers", [None, [0, 2]])
@pytest.mark.parametrize(("dtype", "forward", "backward"), [(torch.float32, 1e-5, 1e-4), (torch.float64, 1e-10, 1e-10)])
def test_groups_of_like_length_give_what_one_padded_run_gives(
    open_encoder: Open,
    mixed: Tokens,
    budget: int,
    layers: list[int] | None,
    dtype: torch.dtype,
    forward: float,
    backward: float,
) -> None:
    encoder = open_encoder(layers=layers, dtype=dtype)
    expected, means = padded(encoder, mixed), one(encoder, mixed, EncodeOptions(budget))["mean"]
    assert means.dtype == dtype
    assert (means - expected).abs().max() < forward
    assert furthest(gradients(encoder, means), gradients(encoder, expected)) < backward


def test_every_parameter_learns_through_it(open_encoder: Open, mixed: Tokens) -> None:
    encoder = open_encoder()
    gradient = gradients(encoder, one(encoder, mixed, EncodeOptions(30))["mean"])
    assert {name for name, _ in encoder.named_parameters()} == set(gradient)
    # a key's bias shifts a row of attention logits by a constant, so nothing comes of it
    silent = {name for name, value in gradient.items() if value.abs().max() < 1e-12}
    assert all("key.bias" in name for name in silent)


def test_equal_texts_are_computed_once(open_encoder: Open) -> None:
    texts = apart(Ragged.of([[7, 8], [9], [7, 8], [], [7, 8]]), Frame((2,), (3,), 8))
    projected, count = run({"it": Request(Reading(open_encoder(), texts), mean)}, EncodeOptions(4096))
    assert count == Count(computed=8, real=7)  # one group of 4 + 3 real tokens, padded to 2 texts of 4
    means = projected["it"]["mean"]
    assert torch.equal(means[0], means[2])
    assert torch.equal(means[0], means[4])
    assert not torch.allclose(means[0], means[1], atol=1e-3)


def test_a_duplicates_gradient_counts_as_often_as_it_stands(open_encoder: Open, mixed: Tokens) -> None:
    encoder = open_encoder(dtype=torch.float64)
    twice = Tokens(*(torch.cat([part, part]) for part in (mixed.ids, mixed.mask, mixed.word, mixed.segment)))
    means = one(encoder, twice, EncodeOptions(64))["mean"]
    expected = padded(encoder, mixed).repeat(2, 1)
    assert furthest(gradients(encoder, means), gradients(encoder, expected)) < 1e-10


def test_no_group_is_larger_than_its_budget_unless_one_text_is(open_encoder: Open, mixed: Tokens) -> None:
    sizes: list[tuple[int, int]] = []

    def look(encoded: Encoded) -> Tensors:
        sizes.append(tuple(encoded.text.ids.shape))
        return mean(encoded)

    encoder = open_encoder()
    for budget in BUDGETS:
        sizes.clear()
        _, count = run({"it": Request(Reading(encoder, mixed), look)}, EncodeOptions(budget))
        assert all(texts * width <= budget or texts == 1 for texts, width in sizes)
        assert sum(texts for texts, _ in sizes) == 6  # of eight, one is empty and one is said twice
        assert count.computed == sum(texts * width for texts, width in sizes)
        assert count.real == sum({3: 3, 4: 4, 7: 7, 11: 11, 14: 14, 20: 20}.values())
        assert [width for _, width in sizes] == sorted((width for _, width in sizes), reverse=True)


def test_alone_in_its_group_no_text_is_padded(open_encoder: Open, mixed: Tokens) -> None:
    _, count = run({"it": Request(Reading(open_encoder(), mixed), mean)}, EncodeOptions(1))
    assert count.computed == count.real


@pytest.mark.parametrize("budget", BUDGETS)
def test_recomputing_gives_the_same_gradients_to_the_last_bit(open_encoder: Open, mixed: Tokens, budget: int) -> None:
    encoder = open_encoder(dropout=0.3)
    options = EncodeOptions(budget, seed=(1, 2, 3))
    direct = one(encoder, mixed, options, tokens_too)
    there = gradients(encoder, direct["mean"])
    again = one(encoder, mixed, replace(options, recompute=True), tokens_too)
    assert torch.equal(again["mean"], direct["mean"])
    assert torch.equal(again["tokens"], direct["tokens"])
    back = gradients(encoder, again["mean"])
    assert set(there) == set(back)
    assert all(torch.equal(there[name], back[name]) for name in there)


def test_recomputing_keeps_less_for_the_backward_pass(open_encoder: Open, mixed: Tokens) -> None:
    def held(running: EncodeOptions) -> int:
        total = 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal total
            total += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            one(open_encoder(), mixed, running)
        return total

    assert held(EncodeOptions(30, recompute=True)) < held(EncodeOptions(30)) / 4


def test_the_same_seed_drops_the_same_and_another_or_none_drops_otherwise(open_encoder: Open, mixed: Tokens) -> None:
    encoder = open_encoder(dropout=0.3)
    first, same, other = (one(encoder, mixed, EncodeOptions(seed=seed))["mean"] for seed in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert not torch.equal(one(encoder, mixed, EncodeOptions())["mean"], one(encoder, mixed, EncodeOptions())["mean"])


def test_readers_of_one_pass_see_one_dropout_and_another_pass_draws_anew(open_encoder: Open, mixed: Tokens) -> None:
    encoder = open_encoder(dropout=0.3)
    requests = {name: Request(Reading(encoder, mixed, again), mean) for name, again in (("a", 0), ("b", 0), ("c", 1))}
    projected, count = run(requests, EncodeOptions(seed=(1,)))
    assert torch.equal(projected["a"]["mean"], projected["b"]["mean"])
    assert not torch.equal(projected["a"]["mean"], projected["c"]["mean"])
    assert count.real == 2 * 59


def test_two_readers_share_the_texts_that_both_read(open_encoder: Open) -> None:
    encoder, frame = open_encoder(), Frame((2,), (3,), 8)
    queries, passages = apart(Ragged.of([[7, 8], [9]]), frame), apart(Ragged.of([[9], [10, 11, 12], [7, 8]]), frame)
    projected, count = run(
        {
            "query": Request(Reading(encoder, queries), mean),
            "passage": Request(Reading(encoder, passages), lambda text: {"cls": text.states[:, 0]}),
        },
        EncodeOptions(1),
    )
    assert count == Count(computed=12, real=12)  # 4 + 3 + 5 tokens
    assert (projected["query"]["mean"] - padded(encoder, queries)).abs().max() < 1e-5
    alone = encoder.backbone(input_ids=passages.ids[1:2]).last_hidden_state[:, 0]
    assert (projected["passage"]["cls"][1:2] - alone).abs().max() < 1e-5
    assert set(projected["query"]) == {"mean"}
    assert len(projected["passage"]["cls"]) == 3


def test_texts_of_the_same_pieces_but_other_words_are_told_apart(open_encoder: Open) -> None:
    encoder = open_encoder()
    plain = apart(Ragged.of([[7, 8]]), Frame((2,), (3,), 8))
    marked = apart(Ragged.of([[8]]), Frame((2, 7), (3,), 8))
    assert torch.equal(plain.ids, marked.ids)
    projected, _ = run(
        {name: Request(Reading(encoder, text), _words) for name, text in (("plain", plain), ("marked", marked))},
        EncodeOptions(),
    )
    states = encoder.backbone(input_ids=plain.ids).last_hidden_state
    assert (projected["plain"]["words"] - states[:, 1:3].mean(1)).abs().max() < 1e-5
    assert (projected["marked"]["words"] - states[:, 2]).abs().max() < 1e-5


def _words(encoded: Encoded) -> Tensors:
    return {"words": pool(encoded.states, encoded.text, "mean_words")}


def test_encoders_are_run_apart(open_encoder: Open, mixed: Tokens) -> None:
    one, other = open_encoder(), open_encoder(layers=[0])
    projected, count = run({name: Request(Reading(name, mixed), mean) for name in (one, other)}, EncodeOptions())
    assert (projected[one]["mean"] - padded(one, mixed)).abs().max() < 1e-5
    assert (projected[other]["mean"] - padded(other, mixed)).abs().max() < 1e-5
    assert count.real == 2 * 59


def test_an_empty_text_keeps_zeros_of_every_shape(open_encoder: Open, mixed: Tokens) -> None:
    projected = one(open_encoder(), mixed, EncodeOptions(30), tokens_too)
    assert not mixed.mask[3].any()
    assert not projected["mean"][3].any()
    assert not projected["tokens"][3].any()
    assert not projected["counted"][3].any()
    assert torch.equal(projected["counted"], mixed.mask)
    assert projected["tokens"].shape == (8, 20, 16)


def test_texts_that_are_all_empty_keep_zeros(open_encoder: Open, mixed: Tokens) -> None:
    encoder = open_encoder()
    nothing = apart(Ragged.of([[], []]), Frame((2,), (3,), 8))
    alone = one(encoder, nothing, EncodeOptions(), tokens_too)
    assert alone["mean"].tolist() == [[0.0] * 16] * 2
    assert not alone["counted"].any()
    projected, _ = run(
        {"nothing": Request(Reading(encoder, nothing), mean), "some": Request(Reading(encoder, mixed), mean)},
        EncodeOptions(),
    )
    assert projected["nothing"]["mean"].tolist() == [[0.0] * 16] * 2
    assert (projected["some"]["mean"] - padded(encoder, mixed)).abs().max() < 1e-5


def test_a_request_that_does_not_learn_keeps_no_graph(open_encoder: Open, mixed: Tokens) -> None:
    projected, _ = run({"it": Request(Reading(open_encoder(), mixed), mean)}, EncodeOptions(recompute=True))
    assert not projected["it"]["mean"].requires_grad


def test_the_word_embeddings_are_looked_up_once(
    open_encoder: Open, mixed: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, looked_up = open_encoder(), []
    embed = encoder.embed
    monkeypatch.setattr(encoder, "embed", lambda ids: looked_up.append(len(ids)) or embed(ids))
    one(encoder, mixed, EncodeOptions(1))
    assert looked_up == [59]


def test_layers_go_to_the_reader_that_wants_them(open_encoder: Open, mixed: Tokens) -> None:
    encoder = open_encoder()

    def first_block(encoded: Encoded) -> Tensors:
        return {"first": pool(encoded.layers[0], encoded.text, "mean")}

    projected, _ = run(
        {
            "layer": Request(Reading(encoder, mixed), first_block, layers=frozenset({0})),
            "last": Request(Reading(encoder, mixed), mean),
        },
        EncodeOptions(30),
    )
    cut = open_encoder(layers=[0])
    assert (projected["layer"]["first"] - padded(cut, mixed)).abs().max() < 1e-5
    assert (projected["last"]["mean"] - padded(encoder, mixed)).abs().max() < 1e-5
