"""Families of backbones: trained, saved, opened again and ranked with; what cannot be read is refused in a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from retrieval_kd.encoders.encoder import TextEncoder
from retrieval_kd.encoders.trial import states_of
from retrieval_kd.encoders.weights import layers_to_keep, locate
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.scorers.inference import pair_scores
from retrieval_kd.scorers.rehearsal import rehearse
from tests.encoders.backbones import FAMILIES, TEXTS, write_backbone
from tests.scorers.reading import batch, cross, dual, features, look, ragged

EAGER = ("deberta", "deberta-v2", "megatron-bert", "mpnet", "rembert")
CUT = [0, 1, 3, 5]  # the default student's layers
QUERIES = [text.split()[0] for text in TEXTS]
LISTS = [TEXTS[number:] + TEXTS[:number] for number in range(len(TEXTS))]


def ranks(scorer: Dual) -> np.ndarray:
    return pair_scores(scorer, ragged(scorer, QUERIES), ragged(scorer, TEXTS), tokens_per_group=64)


def scores(scorer: Dual) -> Tensor:
    """As a training step sees them, with whatever is dropped."""
    result: Tensor = look(scorer, batch(scorer, queries=QUERIES, lists=LISTS), features("scores")).scores
    return result


def step(scorer: Dual) -> None:
    """One step of descent on every weight that the scores depend on."""
    (-scores(scorer.train()).log_softmax(1)[:, 0].mean()).backward()
    torch.optim.SGD(scorer.parameters(), lr=0.5).step()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_trained_saved_opened_again_and_ranks_as_it_did(family: str, tmp_path: Path) -> None:
    scorer = dual(write_backbone(tmp_path / "backbone", family), layers=CUT, dropout=0.1)
    rehearse([scorer], tmp_path / "scratch")
    before = ranks(scorer.eval())
    step(scorer)
    trained = ranks(scorer.eval())
    scorer.save(tmp_path / "saved")
    again = dual(tmp_path / "saved", checkpoint=str(tmp_path / "saved"))
    assert not np.allclose(before, trained, atol=1e-4)
    assert np.array_equal(ranks(again), trained)
    assert again.encoder_of("query").kept_layers == CUT


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_of_a_family_is_all_that_is_asked_for(family: str, tmp_path: Path) -> None:
    message = {"mlp_dropout": 0.2, "embedding_dropout": 0.2} if family == "modernbert" else {}
    folder = write_backbone(tmp_path, family, **message)
    without, some = (dual(folder, dropout=dropout).train() for dropout in (0.0, 0.1))
    assert torch.equal(scores(without), scores(without))
    assert torch.allclose(scores(without), scores(without.eval()), atol=1e-4)
    assert not torch.equal(scores(some), scores(some))
    assert {part.p for part in some.modules() if isinstance(part, torch.nn.Dropout)} == {0.1}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_attention_is_the_one_asked_for_or_the_best_that_the_family_has(family: str, tmp_path: Path) -> None:
    folder = write_backbone(tmp_path, family)
    options: dict[str, Any] = {"layers": None, "dropout": 0.0}
    best = TextEncoder.load(folder, **options).backbone
    eager = TextEncoder.load(folder, attention="eager", **options).backbone
    assert best.config._attn_implementation == ("eager" if family in EAGER else "sdpa")
    assert eager.config._attn_implementation == "eager"
    assert torch.allclose(states_of(best), states_of(eager), atol=1e-4)
    if family in EAGER:
        with pytest.raises(UserError, match=f"attention=sdpa: the {family} of .*; give eager or null"):
            TextEncoder.load(folder, attention="sdpa", **options)


@pytest.mark.parametrize("kind", ["t5", "llama", "qwen2", "gpt2"])
def test_decoders_are_refused_where_they_are_located(kind: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(f'{{"model_type": "{kind}"}}')
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "tokenizer.json").touch()
    with pytest.raises(UserError, match=rf"config.json says {kind}, .*decoder.*; give an encoder such as bert"):
        locate(str(tmp_path))


def test_a_model_that_reads_one_way_is_refused_whatever_it_is_called(tmp_path: Path) -> None:
    folder = write_backbone(tmp_path, "llama")
    with pytest.raises(UserError, match="its LlamaModel reads from left to right; give an encoder such as bert"):
        TextEncoder.load(folder, layers=None, dropout=0.0)


def test_a_family_whose_padding_counts_is_refused(tmp_path: Path) -> None:
    folder = write_backbone(tmp_path, "fnet")
    with pytest.raises(UserError, match="its FNetModel makes other states of a text beside padding"):
        TextEncoder.load(folder, layers=None, dropout=0.0)


def test_a_configuration_without_a_number_of_layers_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "funnel"}')
    with pytest.raises(UserError, match="of model_type funnel, says no number of layers"):
        layers_to_keep(tmp_path, None)


def test_the_first_block_of_modernbert_is_kept_or_the_plan_refuses(tmp_path: Path) -> None:
    folder = write_backbone(tmp_path, "modernbert")
    assert layers_to_keep(folder, CUT) == (CUT, CUT)
    with pytest.raises(
        UserError, match=r"layers=\[1, 3\]: the first block of modernbert .* give layers that begin with 0"
    ):
        layers_to_keep(folder, [1, 3])


def test_blocks_that_share_weights_by_groups_keep_their_groups(tmp_path: Path) -> None:
    folder = write_backbone(tmp_path, "albert", num_hidden_groups=2)
    assert layers_to_keep(folder, [0, 2, 3, 5])[1] == [0, 2, 3, 5]
    with pytest.raises(
        UserError, match=r"layers=\[0, 1, 2, 4\]: the 6 blocks of albert share 2 groups .*\[0, 0, 0, 1\]"
    ):
        layers_to_keep(folder, [0, 1, 2, 4])


def test_a_cut_that_cannot_be_read_again_is_refused_before_training(tmp_path: Path) -> None:
    scorer = dual(write_backbone(tmp_path / "backbone", "longformer", attention_window=8), layers=CUT)
    with pytest.raises(UserError, match="this LongformerModel cannot be saved and read again"):
        rehearse([scorer], tmp_path / "scratch")


def test_a_rehearsal_leaves_nothing_behind_and_moves_no_generator(backbone: Path, tmp_path: Path) -> None:
    scorers = [dual(backbone, shared=False).train(), cross(backbone)]
    state = torch.random.get_rng_state()
    rehearse(scorers, tmp_path)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert list(tmp_path.iterdir()) == []
    assert scorers[0].encoder_of("query").backbone.training


def test_a_token_that_was_added_to_the_tokenizer_alone_is_refused(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = write_backbone(tmp_path, "bert")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = len(tokenizer)
    tokenizer.add_tokens(["[Q]"])
    tokenizer.save_pretrained(folder)
    message = rf"has the piece {rows}, and the embeddings of .* have {rows} rows; resize them by .*\({rows + 1}\)"
    with pytest.raises(UserError, match=message):
        dual(folder)


def test_words_attention_is_not_shown_by_sdpa(backbone: Path) -> None:
    with pytest.raises(UserError, match="attention=sdpa shows no words' attention"):
        cross(backbone, attention="sdpa", word_attention=True)
