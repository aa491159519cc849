"""Sequence classifiers of every family as cross-encoders: their scores are transformers' logits."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.encoders.classifier import ClassifierHead
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.cross import Cross
from tests.encoders.families import FAMILIES, write_classifier
from tests.scorers.reading import batch, cross, features, look

OPEN = {"pooling": None, "scale": None}


def pairs(scorer: Cross) -> Tokens:
    """The hand-made pairs as the scorer reads them, without absent ones."""
    assert scorer.tokenisation is not None
    step = batch(scorer)
    return step.texts[scorer.tokenisation].passage.flat()


def logits(folder: Path, text: Tokens, label: int = 0) -> Tensor:
    """What `transformers` says of pairs: [query candidate]."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    segments = {"token_type_ids": text.segment} if getattr(model.config, "type_vocab_size", 0) > 1 else {}
    filled = text.ids.masked_fill(~text.mask, model.config.pad_token_id)
    with torch.no_grad():
        values = model(input_ids=filled, attention_mask=text.mask.long(), **segments).logits
    return values[:, label].unflatten(0, (4, 3))


def scores(scorer: Cross) -> Tensor:
    result = look(scorer, batch(scorer), features("scores")).scores
    assert result is not None
    return result.detach()


def opened(folder: Path, **options: Any) -> Cross:
    return cross(folder, **{**OPEN, "word_attention": True, **options})


def equal(scorer: Cross, folder: Path, *, label: int = 0, times: float = 1.0) -> bool:
    there = batch(scorer).present
    expected = times * logits(folder, pairs(scorer), label)
    return torch.allclose(scores(scorer)[there], expected[there], atol=1e-5, rtol=1e-4)


def changed(folder: Path, begins: str, factor: float) -> None:
    """Multiply the weights of a part of a saved model."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    assert any(name.startswith(begins) for name in weights)
    save_file(
        {name: factor * v if name.startswith(begins) else v for name, v in weights.items()}, path, {"format": "pt"}
    )


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_scores_are_the_logits_of_the_library_before_and_after_training_and_saving(
    backbone: Path, tmp_path: Path, family: str
) -> None:
    folder = write_classifier(tmp_path / family, backbone, family)
    scorer = opened(folder)
    assert scorer.load_head(folder)
    assert equal(scorer, folder)
    with torch.no_grad():
        for value in scorer.parameters():
            value += 0.01 * torch.ones_like(value).cumsum(-1).remainder(3)
    trained = scores(scorer)
    scorer.save(tmp_path / "saved")
    again = opened(tmp_path / "saved")
    assert torch.allclose(scores(again), trained, atol=1e-5)
    assert equal(again, tmp_path / "saved"), "transformers loads what was saved, head and all"
    assert not torch.allclose(trained, scores(opened(folder)), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "part"),
    [
        ("bert", "classifier"),
        ("bert", "bert.pooler"),
        ("roberta", "classifier.dense"),
        ("distilbert", "pre_classifier"),
        ("modernbert", "head.dense"),
        ("albert", "albert.pooler"),
        ("deberta-v2", "pooler"),
    ],
)
def test_every_part_of_a_head_counts(backbone: Path, tmp_path: Path, family: str, part: str) -> None:
    folder = write_classifier(tmp_path / family, backbone, family)
    before = scores(opened(folder))
    changed(folder, part, -3.0)
    scorer = opened(folder)
    assert not torch.allclose(scores(scorer), before, atol=1e-3)
    assert equal(scorer, folder)


def test_a_classifier_whose_head_is_negated_ranks_the_other_way_round(backbone: Path, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "roberta", backbone, "roberta")
    before = scores(opened(folder))
    changed(folder, "classifier.out_proj", -1.0)
    assert torch.allclose(scores(opened(folder)), -before, atol=1e-5)


def test_a_head_is_cut_from_no_layer_and_drops_nothing(backbone: Path, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "roberta", backbone, "roberta")
    scorer = opened(folder, layers=[0, 2])
    assert scorer.train().towers.query.kept_layers == [0, 2]
    assert torch.equal(scores(scorer), scores(scorer)), "no dropout in training mode"
    scorer.save(tmp_path / "cut")
    assert torch.allclose(scores(opened(tmp_path / "cut")), scores(scorer), atol=1e-5)
    assert equal(opened(tmp_path / "cut"), tmp_path / "cut")
    dropping = opened(folder, dropout=0.5).train()
    assert isinstance(dropping.classifier, ClassifierHead)
    assert {part.p for part in dropping.classifier.modules() if isinstance(part, torch.nn.Dropout)} == {0.5}


@pytest.mark.slow
def test_several_labels_need_a_choice(backbone: Path, tmp_path: Path) -> None:
    names = {"id2label": {0: "no", 1: "maybe", 2: "yes"}, "label2id": {"no": 0, "maybe": 1, "yes": 2}}
    folder = write_classifier(tmp_path / "three", backbone, "distilbert", labels=3, **names)
    with pytest.raises(UserError, match=r"has 3 labels, 0 \(no\), 1 \(maybe\), 2 \(yes\): give label="):
        opened(folder)
    for label in (2, "2", "yes"):
        scorer = opened(folder, label=label)
        assert scorer.form["label"] == "2"
        assert equal(scorer, folder, label=2)
    with pytest.raises(UserError, match="label=perhaps"):
        opened(folder, label="perhaps")
    scorer.save(tmp_path / "saved")
    assert torch.allclose(scores(opened(tmp_path / "saved")), scores(scorer), atol=1e-6)


def test_scale_multiplies_and_an_activation_bends_the_logit(backbone: Path, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "bert", backbone, "bert")
    assert equal(opened(folder, scale=3.0), folder, times=3.0)
    there = batch(opened(folder)).present
    expected = torch.sigmoid(logits(folder, pairs(opened(folder))))
    assert torch.allclose(scores(opened(folder, activation="sigmoid"))[there], expected[there], atol=1e-5)


def test_scores_by_block_use_the_classifiers_head(backbone: Path, tmp_path: Path) -> None:
    scorer = opened(write_classifier(tmp_path / "roberta", backbone, "roberta"))
    view = look(scorer, batch(scorer), features("scores", "layers", "states", layers=(0, -1)))
    assert torch.equal(view.layers[2], view.scores)
    assert not torch.equal(view.layers[0], view.scores)
    assert view.states.shape[-1] == scorer.towers.query.width


def test_a_gradient_reaches_encoder_and_head(backbone: Path, tmp_path: Path) -> None:
    scorer = opened(write_classifier(tmp_path / "albert", backbone, "albert"))
    look(scorer, batch(scorer), features("scores")).scores.sum().backward()
    assert all(value.grad is not None for value in scorer.classifier.parameters())
    assert scorer.towers.query.backbone.get_input_embeddings().weight.grad.abs().sum() > 0


def test_a_head_that_reads_more_than_states_is_refused(backbone: Path, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "bart", backbone, "bart", d_model=32, encoder_layers=1, decoder_layers=1)
    with pytest.raises(UserError, match=r"its config\.json says bart, an encoder with a decoder"):
        opened(folder)
    mixing = write_classifier(tmp_path / "convbert", backbone, "convbert")
    with pytest.raises(UserError, match="ConvBertForSequenceClassification: its logits are not what its head makes"):
        opened(mixing)
