"""A backbone cut to some of its layers."""

from pathlib import Path

import pytest
import torch
from torch import nn

from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.encoders.encoder import Encoded, TextEncoder


def states(encoder: TextEncoder, text: Tokens, **wanted: object) -> Encoded:
    """A padded run of all texts but the empty one."""
    some = text.mask.any(1)
    part = Tokens(text.ids[some], text.mask[some], text.word[some], text.segment[some])
    with torch.no_grad():
        return encoder.eval()(part, encoder.embed(part.ids.flatten()).unflatten(0, part.ids.shape), **wanted)


def test_the_states_are_those_of_transformers(backbone: Path, mixed: Tokens) -> None:
    from transformers import AutoModel

    some = mixed.mask.any(1)
    theirs = AutoModel.from_pretrained(backbone).eval()
    with torch.no_grad():
        expected = theirs(input_ids=mixed.ids[some], attention_mask=mixed.mask[some].long()).last_hidden_state
    encoded = states(TextEncoder.load(backbone, layers=None, dropout=0.0), mixed).states
    assert torch.allclose(encoded[mixed.mask[some]], expected[mixed.mask[some]], atol=1e-6)


def test_a_layers_states_are_what_a_backbone_cut_behind_it_gives(backbone: Path, mixed: Tokens) -> None:
    whole = states(TextEncoder.load(backbone, layers=None, dropout=0.0), mixed, layers=[0, 2])
    first = states(TextEncoder.load(backbone, layers=[0], dropout=0.0), mixed)
    assert set(whole.layers) == {0, 2}
    assert torch.allclose(whole.layers[0], first.states, atol=1e-6)
    assert torch.equal(whole.layers[2], whole.states)
    assert not torch.allclose(whole.layers[0], whole.states, atol=1e-2)


def test_kept_layers_are_the_originals_own(backbone: Path) -> None:
    whole = TextEncoder.load(backbone, layers=None, dropout=0.0).backbone.encoder.layer
    cut = TextEncoder.load(backbone, layers=[0, 2], dropout=0.0)
    assert (cut.kept_layers, cut.depth, cut.width) == ([0, 2], 3, 16)
    assert len(cut.backbone.encoder.layer) == 2
    for place, layer in enumerate(cut.kept_layers):
        mine, theirs = cut.backbone.encoder.layer[place], whole[layer]
        assert all(torch.equal(one, other) for one, other in zip(mine.parameters(), theirs.parameters(), strict=True))


def test_a_saved_encoder_is_read_back_and_remembers_its_layers(backbone: Path, mixed: Tokens, tmp_path: Path) -> None:
    cut = TextEncoder.load(backbone, layers=[0, 2], dropout=0.0)
    cut.save(tmp_path)
    again = TextEncoder.load(tmp_path, layers=[0, 2], dropout=0.0)
    assert (again.kept_layers, again.depth) == ([0, 2], 3)
    assert torch.equal(states(again, mixed).states, states(cut, mixed).states)
    again.save(tmp_path / "twice")
    assert TextEncoder.load(tmp_path / "twice", layers=2, dropout=0.0).kept_layers == [0, 2]


def test_a_whole_checkpoint_is_cut_where_it_is_read(backbone: Path, tmp_path: Path) -> None:
    TextEncoder.load(backbone, layers=None, dropout=0.0).save(tmp_path)
    cut = TextEncoder.load(tmp_path, layers=[0, 2], dropout=0.0)
    assert (cut.kept_layers, cut.depth, len(cut.backbone.encoder.layer)) == ([0, 2], 3, 2)


def test_a_saved_encoder_is_a_transformers_folder(backbone: Path, mixed: Tokens, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    cut = TextEncoder.load(backbone, layers=[0, 2], dropout=0.0)
    cut.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".bin", ".pt")] == []
    some = mixed.mask.any(1)
    with torch.no_grad():
        theirs = AutoModel.from_pretrained(tmp_path).eval()(mixed.ids[some], mixed.mask[some].long())
    assert torch.allclose(
        theirs.last_hidden_state[mixed.mask[some]], states(cut, mixed).states[mixed.mask[some]], atol=1e-6
    )
    assert len(AutoTokenizer.from_pretrained(tmp_path)("w1 w2")["input_ids"]) == 4


@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_dropout_is_set_everywhere(backbone: Path, dropout: float) -> None:
    encoder = TextEncoder.load(backbone, layers=None, dropout=dropout)
    layers = [module.p for module in encoder.modules() if isinstance(module, nn.Dropout)]
    assert len(layers) >= 7  # after the embeddings, and two or three in each of three blocks
    assert set(layers) == {dropout}
    assert encoder.backbone.config.attention_probs_dropout_prob == dropout


def test_attention_of_a_layer_is_given_where_it_is_eager(backbone: Path, mixed: Tokens) -> None:
    encoder = TextEncoder.load(backbone, layers=None, dropout=0.0, attention="eager")
    encoded = states(encoder, mixed, attention=1)
    texts, width = encoded.states.shape[:2]
    assert encoded.attention is not None
    assert encoded.attention.shape == (texts, 2, width, width)
    assert torch.allclose(encoded.attention.sum(-1), torch.ones(texts, 2, width), atol=1e-6)
    assert encoded.attention.masked_select(~encoded.text.mask[:, None, None]).abs().max() < 1e-6
    assert states(encoder, mixed).attention is None


def test_the_passage_side_of_a_pair_has_its_token_type(backbone: Path, mixed: Tokens) -> None:
    encoder = TextEncoder.load(backbone, layers=None, dropout=0.0)
    second = Tokens(mixed.ids, mixed.mask, mixed.word, mixed.mask.long())
    assert not torch.allclose(states(encoder, mixed).states, states(encoder, second).states, atol=1e-3)


def test_a_backbone_without_a_list_of_blocks_is_kept_whole_or_refused() -> None:
    from retrieval_kd.encoders.blocks import cut

    plain = nn.Sequential(nn.Linear(2, 2))
    plain.config = type("Config", (), {"num_hidden_layers": 2, "to_dict": vars})()
    cut(plain, [0, 1])
    with pytest.raises(ValueError, match="Sequential has no list of 2 blocks"):
        cut(plain, [0])
