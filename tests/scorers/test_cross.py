"""The cross-encoder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from retrieval_kd.batch.tokens import joined
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.cross import Cross
from retrieval_kd.scorers.inference import pair_scores
from retrieval_kd.scorers.view import Want
from tests.encoders.families import write_classifier
from tests.scorers.reading import LISTS, QUERIES, batch, cross, features, look


def states(scorer: Cross, query: str, passage: str) -> Tensor:
    """Last states of one pair by the bare backbone, [token dim]."""
    assert scorer.tokenisation is not None
    words = vocabulary(scorer.tokenisation.folder)
    pair = joined(words.ragged([query]), words.ragged([passage]), scorer.tokenisation.frames())
    return scorer.towers.query.backbone(input_ids=pair.ids, token_type_ids=pair.segment).last_hidden_state[0]


def test_a_score_is_the_heads_answer_to_the_first_state_of_the_pair(backbone: Path) -> None:
    scorer = cross(backbone, scale=2.0)
    view = look(scorer, batch(scorer), features("scores"))
    assert view.scores.shape == (4, 3)
    for query, candidate in ((0, 0), (0, 2), (1, 1), (3, 2)):
        first = states(scorer, QUERIES[query], LISTS[query][candidate])[0]
        expected = 2 * scorer.classifier(first)
        assert view.scores[query, candidate].item() == pytest.approx(expected.item(), abs=1e-5)


def test_without_segments_a_pair_is_all_of_segment_0_and_its_sides_are_known(backbone: Path) -> None:
    scorer = cross(backbone, segments=False, word_attention=True, attention_layer=1)
    view = look(scorer, batch(scorer), features("scores", "attention"))
    words, (query, passage) = vocabulary(str(backbone)), (QUERIES[1], LISTS[1][0])
    pair = joined(words.ragged([query]), words.ragged([passage]), scorer.tokenisation.frames())
    assert pair.segment.any()
    expected = scorer.classifier(scorer.towers.query.backbone(input_ids=pair.ids).last_hidden_state[0, 0])
    assert view.scores[1, 0].item() == pytest.approx(expected.item(), abs=1e-5)
    assert view.scores[1, 0].item() != pytest.approx(
        look(cross(backbone), batch(cross(backbone)), features("scores")).scores[1, 0].item(), abs=1e-5
    )
    assert view.passage_mask[1, 0].sum() == len(passage.split())


def test_a_pair_that_is_not_closed_ends_with_a_word_and_an_empty_passage_is_scored(backbone: Path) -> None:
    scorer, words = cross(backbone, close=False), vocabulary(str(backbone))
    frames = scorer.tokenisation.frames()
    present = np.ones(2, dtype=bool)
    pairs = joined(words.ragged(["red fox"] * 2), words.ragged(["it ran", ""]), frames, present=present)
    asked = words.ragged(["red fox"]).ids.tolist()
    alone = [words.cls, *asked, words.sep]
    assert [row[mask].tolist() for row, mask in zip(pairs.ids, pairs.mask, strict=True)] == [
        [*alone, *words.ragged(["it ran"]).ids.tolist()],
        alone,
    ]
    scores = pair_scores(scorer, words.ragged(["red fox"]), words.ragged([""]), tokens_per_group=64)
    first = scorer.towers.query.backbone(input_ids=torch.tensor([alone])).last_hidden_state[0, 0]
    assert scores[0] == pytest.approx(scorer.classifier(first).item(), abs=1e-5)


def test_dropout_before_the_head_is_the_encoders_or_its_own(backbone: Path, classifier: Path) -> None:
    def dropouts(scorer: Cross) -> tuple[set[float], set[float]]:
        parts = (scorer.towers.query, scorer.classifier)
        rates = [{layer.p for layer in part.modules() if isinstance(layer, torch.nn.Dropout)} for part in parts]
        return rates[0], rates[1]

    assert dropouts(cross(backbone, dropout=0.1)) == ({0.1}, {0.1})
    assert dropouts(cross(backbone, dropout=0.1, head_dropout="same")) == ({0.1}, {0.1})
    assert dropouts(cross(backbone, dropout=0.1, head_dropout=0.0)) == ({0.1}, {0.0})
    whole = cross(backbone, checkpoint=str(classifier), pooling="pooler", dropout=0.1, head_dropout=0.3)
    assert dropouts(whole) == ({0.1}, {0.3})


def test_segments_that_a_family_has_not_are_refused_and_may_be_left_open(backbone: Path, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "distilbert", backbone, "distilbert")
    form = cross(folder, pooling=None).form
    assert form["segments"] is False
    assert cross(folder, **form).form == form
    with pytest.raises(UserError, match="has no segments"):
        cross(folder, pooling=None, segments=True)


def test_an_absent_pair_scores_zero(backbone: Path) -> None:
    scorer = cross(backbone)
    assert look(scorer, batch(scorer), features("scores")).scores[2, 2] == 0


def test_a_pair_that_stands_twice_scores_the_same(backbone: Path) -> None:
    scorer = cross(backbone)
    twice = {"queries": ["a cat", "a cat"], "lists": [["a dog", "it"], ["it", "a dog"]], "queries_per_pool": 2}
    scores = look(scorer, batch(scorer, **twice), features("scores")).scores
    assert torch.equal(scores[0], scores[1].flip(0))
    assert scores[0, 0] != scores[0, 1]


def test_scores_by_block_use_the_one_head(backbone: Path) -> None:
    scorer = cross(backbone)
    view = look(scorer, batch(scorer), features("scores", "layers", layers=(0, -1)))
    cut = cross(backbone, layers=[0])
    cut.classifier.load_state_dict(scorer.classifier.state_dict())
    assert set(view.layers) == {0, 2}
    assert torch.allclose(view.layers[0], look(cut, batch(cut), features("scores")).scores, atol=1e-5)
    assert torch.equal(view.layers[2], view.scores)


def test_a_pooler_is_a_dense_layer_with_tanh(backbone: Path) -> None:
    scorer = cross(backbone, pooling="pooler")
    first = states(scorer, QUERIES[0], LISTS[0][0])[0]
    dense, _, _, last = scorer.classifier
    scores = look(scorer, batch(scorer), features("scores")).scores[0, 0]
    assert scores.item() == pytest.approx(last(dense(first).tanh()).item(), abs=1e-5)


def test_it_has_no_pool(backbone: Path) -> None:
    scorer = cross(backbone)
    assert scorer.offers == {"scores", "layers", "attention", "states"}
    assert look(scorer, batch(scorer), features("scores")).pool is None


def heads_of(scorer: Cross) -> Tensor:
    """Attention of the first pair's words in the second layer by the bare backbone, [head query_word passage_word]."""
    assert scorer.tokenisation is not None
    words = vocabulary(scorer.tokenisation.folder)
    pair = joined(words.ragged([QUERIES[0]]), words.ragged([LISTS[0][0]]), scorer.tokenisation.frames())
    out = scorer.towers.query.backbone(input_ids=pair.ids, token_type_ids=pair.segment, output_attentions=True)
    return out.attentions[1][0][:, 1:3, 4:7]  # [CLS] red fox [SEP] red fox ran [SEP]


def test_its_words_attention_is_the_mean_over_heads_among_passage_words(backbone: Path) -> None:
    scorer = cross(backbone, word_attention=True, attention_layer=1)
    assert scorer.attention_layer == 1
    view = look(scorer, batch(scorer), features("attention"))
    block = heads_of(scorer).mean(0)
    expected = block / block.sum(1, keepdim=True)
    assert torch.allclose(view.attention[0, 0, :2, :3], expected, atol=1e-5)
    assert view.query_mask[0].tolist() == [True] * 2 + [False] * 3
    assert view.passage_mask[0, 0].tolist() == [True] * 3 + [False] * 6


def test_attention_may_be_the_mean_of_every_heads_shares(backbone: Path) -> None:
    scorer = cross(backbone, word_attention=True, attention_layer=1)
    with torch.no_grad():
        scorer.towers.query.backbone.encoder.layer[1].attention.self.query.weight.mul_(300)  # heads that differ
    view = look(scorer, batch(scorer), frozenset({Want("attention", heads="each")}))
    block = heads_of(scorer)
    expected = (block / block.sum(2, keepdim=True)).mean(0)
    assert torch.allclose(view.attention[0, 0, :2, :3], expected, atol=1e-5)
    of_the_mean = look(scorer, batch(scorer), features("attention")).attention[0, 0, :2, :3]
    assert not torch.allclose(expected, of_the_mean, atol=1e-5)
    with pytest.raises(ValueError, match="give its terms the same heads"):
        look(scorer, batch(scorer), frozenset({Want("attention"), Want("attention", heads="each")}))


def test_a_state_is_what_the_head_reads(backbone: Path) -> None:
    scorer = cross(backbone, pooling="mean")
    step = batch(scorer)
    view = look(scorer, step, features("scores", "states"))
    assert view.states.shape == (*view.scores.shape, scorer.towers.query.width)
    scores = scorer.classifier(view.states).squeeze(-1) * scorer.scale
    assert torch.allclose(scores[step.present], view.scores[step.present], atol=1e-5)


def test_a_gradient_reaches_encoder_and_head(backbone: Path) -> None:
    scorer = cross(backbone)
    look(scorer, batch(scorer), features("scores")).scores.sum().backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in scorer.classifier.parameters())
    assert scorer.towers.query.backbone.get_input_embeddings().weight.grad.abs().sum() > 0


@pytest.fixture
def classifier(backbone: Path, tmp_path: Path) -> Path:
    """A one-label classifier that `transformers` saved, of another seed than the backbone."""
    return saved_classifier(backbone, tmp_path / "classifier", labels=1)


def saved_classifier(backbone: Path, folder: Path, *, labels: int) -> Path:
    from transformers import AutoConfig, AutoTokenizer, BertForSequenceClassification

    torch.manual_seed(3)
    config = AutoConfig.from_pretrained(backbone, num_labels=labels)
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(backbone).save_pretrained(folder)
    return folder


def test_a_sequence_classifier_brings_its_head_along(backbone: Path, classifier: Path) -> None:
    from transformers import BertForSequenceClassification

    scorer = cross(backbone, checkpoint=str(classifier), pooling="pooler")
    assert scorer.load_head(classifier)
    scores = look(scorer, batch(scorer), features("scores")).scores
    theirs = BertForSequenceClassification.from_pretrained(classifier).eval()
    words = vocabulary(str(classifier))
    pair = joined(words.ragged([QUERIES[1]]), words.ragged([LISTS[1][0]]), scorer.tokenisation.frames())
    with torch.no_grad():
        expected = theirs(input_ids=pair.ids, token_type_ids=pair.segment).logits
    assert scores[1, 0].item() == pytest.approx(expected.item(), abs=1e-5)


def test_a_classifier_that_reads_the_first_token_is_not_read_by_the_mean(backbone: Path, classifier: Path) -> None:
    with pytest.raises(UserError, match="whose head this would drop; give pooling=null"):
        cross(backbone, checkpoint=str(classifier), pooling="mean")


def test_the_mean_is_over_the_real_tokens_of_a_pair(backbone: Path) -> None:
    scorer = cross(backbone, pooling="mean")
    scores = look(scorer, batch(scorer), features("scores")).scores
    words = vocabulary(str(backbone))
    pair = joined(words.ragged([QUERIES[1]]), words.ragged([LISTS[1][0]]), scorer.tokenisation.frames())
    with torch.no_grad():
        states = scorer.towers.query.backbone(input_ids=pair.ids, token_type_ids=pair.segment).last_hidden_state
        expected = scorer.classifier(states.mean(1)).item()
    assert scores[1, 0].item() == pytest.approx(expected, abs=1e-5)


def test_a_head_of_another_form_is_refused_and_a_backbone_has_none(backbone: Path, classifier: Path) -> None:
    with pytest.raises(UserError, match="whose head this would drop"):
        cross(backbone, checkpoint=str(classifier), pooling="cls")
    with pytest.raises(UserError, match="holds no sequence classifier"):
        cross(backbone, pooling="classifier")
    assert not cross(backbone).load_head(backbone)


def test_a_fresh_head_is_drawn_from_the_seed(backbone: Path) -> None:
    def head(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return cross(backbone).classifier[-1].weight

    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))
