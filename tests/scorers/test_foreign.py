"""Folders of sentence-transformers, PyLate and ColBERT: their scores are those libraries' own."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder, MultiVectorEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, LayerNorm, Normalize, Pooling
from torch import nn

from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.encoders.weights import digest, locate
from retrieval_kd.errors import UserError
from retrieval_kd.scorers import inference
from retrieval_kd.scorers.cross import Cross
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.scorers.foreign import foreign
from retrieval_kd.scorers.late import Late
from retrieval_kd.scorers.record import saved_form
from retrieval_kd.scorers.scorer import Scorer
from tests.encoders.families import write_classifier
from tests.scorers.foreign import edit, write_dual, write_pylate, write_stanford
from tests.scorers.reading import ragged

ASKED = ["red fox", "the dog slept all day and ran home and slept and ran home"]
FOUND = ["red fox ran", "a dog [ it ] slept, and the cat sat, all day; red fox ran home and the dog and the fox"]
WIDTH = 32


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small backbone with ColBERT's markers and punctuation in its vocabulary."""
    folder = tmp_path_factory.mktemp("words")
    write_tiny(folder, [*ASKED, *FOUND, "unused0 unused1 home : ;"], layers=3)
    edit(folder / "tokenizer_config.json", model_input_names=["input_ids", "token_type_ids", "attention_mask"])
    chance = torch.Generator().manual_seed(4)
    weights = load_file(folder / "model.safetensors")  # far from their beginning, where all vectors are alike
    far = {name: torch.randn(value.shape, generator=chance) * 0.3 for name, value in weights.items() if value.dim() > 1}
    save_file({**weights, **far}, folder / "model.safetensors", {"format": "pt"})
    return folder


def opened(kind: type[Scorer], folder: Path, **values: Any) -> Scorer:
    """A scorer of which nothing is told but the folder."""
    left_open = dict.fromkeys(kind.FORM)
    beside = {"word_attention": True} if kind is Cross else {}
    given = {"checkpoint": None, "layers": None, "dropout": 0.0, "attention": None, **beside, **left_open, **values}
    scorer = kind(backbone=str(folder), **given).eval()
    assert scorer.load_head(locate(str(folder))) or saved_form(folder, kind.__name__.lower()).get("projection", 0) == 0
    return scorer


def scored(scorer: Scorer) -> np.ndarray:
    """Each question with each passage: [query passage]."""
    pairs = [(query, passage) for query in ASKED for passage in FOUND]
    queries, passages = ([pair[side] for pair in pairs] for side in (0, 1))
    scores = inference.pair_scores(scorer, ragged(scorer, queries), ragged(scorer, passages), tokens_per_group=200)
    return scores.reshape(len(ASKED), len(FOUND))


def theirs(folder: Path, kind: type = SentenceTransformer) -> np.ndarray:
    model = kind(str(folder), device="cpu")
    return np.asarray(model.similarity(model.encode_query(ASKED), model.encode_document(FOUND)))


POOLINGS = ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
DUALS: dict[str, Callable[[], Sequence[nn.Module]]] = {
    **{f"pooled by {mode}": lambda mode=mode: [Pooling(WIDTH, mode)] for mode in POOLINGS},
    "unit vectors": lambda: [Pooling(WIDTH, "mean"), Normalize()],
    "a linear map with tanh": lambda: [Pooling(WIDTH, "cls"), Dense(WIDTH, 6), Normalize()],
    "one without bias": lambda: [Pooling(WIDTH, "mean"), Dense(WIDTH, 40, bias=False, activation_function=nn.GELU())],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DUALS)
def test_a_dual_scorer_is_the_sentence_transformer_of_its_folder(words: Path, tmp_path: Path, name: str) -> None:
    prompts = {"query": "home : ", "document": "the "} if name == "unit vectors" else {}
    folder = write_dual(tmp_path / "model", words, *DUALS[name](), prompts=prompts)
    scorer = opened(Dual, folder)
    np.testing.assert_allclose(scored(scorer), 20 * theirs(folder), atol=1e-4)
    scorer.save(tmp_path / "saved")
    np.testing.assert_allclose(scored(opened(Dual, tmp_path / "saved")), scored(scorer), atol=1e-6)


def test_plain_products_are_as_the_library_makes_them(words: Path, tmp_path: Path) -> None:
    folder = write_dual(tmp_path / "model", words, Pooling(WIDTH, "cls"), similarity_fn_name="dot")
    scorer = opened(Dual, folder)
    assert (scorer.form["normalize"], scorer.form["scale"]) == (False, 1.0)
    np.testing.assert_allclose(scored(scorer), theirs(folder), atol=1e-3)


def test_what_an_option_says_comes_before_what_the_folder_says(words: Path, tmp_path: Path) -> None:
    folder = write_dual(tmp_path / "model", words, Pooling(WIDTH, "cls"), Normalize(), length=9)
    form = opened(Dual, folder, pooling="mean", query_length=5).form
    assert (form["pooling"], form["query_length"], form["passage_length"]) == ("mean", 5, 9)


def test_an_old_layout_says_the_same(words: Path, tmp_path: Path) -> None:
    folder = write_dual(tmp_path / "model", words, Pooling(WIDTH, "cls"))
    inside = folder / "0_Transformer"
    inside.mkdir()
    for path in [*folder.glob("tokenizer*"), folder / "config.json", folder / "model.safetensors"]:
        path.rename(inside / path.name)
    (inside / "sentence_bert_config.json").write_text('{"max_seq_length": 12, "do_lower_case": false}')
    (folder / "modules.json").write_text(
        '[{"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},'
        ' {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]'
    )
    (folder / "1_Pooling" / "config.json").write_text(
        '{"word_embedding_dimension": 32, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}'
    )
    np.testing.assert_allclose(scored(opened(Dual, folder)), 20 * theirs(folder), atol=1e-4)


def test_an_exchanged_linear_map_changes_scores_and_the_digest(words: Path, tmp_path: Path) -> None:
    folder = write_dual(tmp_path / "model", words, Pooling(WIDTH, "cls"), Dense(WIDTH, 6))
    before, config = scored(opened(Dual, folder)), digest(str(folder))
    path = folder / "2_Dense" / "model.safetensors"
    save_file({name: value.flip(-1) for name, value in load_file(path).items()}, path)
    assert not np.allclose(scored(opened(Dual, folder)), before, atol=1e-2)
    assert digest(str(folder)) != config
    np.testing.assert_allclose(scored(opened(Dual, folder)), 20 * theirs(folder), atol=1e-4)
    config = digest(str(folder))
    edit(folder / "1_Pooling" / "config.json", pooling_mode="max")
    assert digest(str(folder)) != config


REFUSED: dict[str, tuple[Callable[[], Sequence[nn.Module]], dict[str, Any], str]] = {
    "two poolings": (lambda: [Pooling(WIDTH, ("cls", "max"))], {}, "joins what it pools as cls, max"),
    "a layer norm": (lambda: [Pooling(WIDTH), LayerNorm(WIDTH)], {}, "its modules are Transformer, Pooling, LayerNorm"),
    "two maps": (lambda: [Pooling(WIDTH), Dense(WIDTH, 8), Dense(8, 4)], {}, "Pooling, Dense, Dense"),
    "a residual": (lambda: [Pooling(WIDTH), Dense(WIDTH, 8, use_residual=True)], {}, "use_residual"),
    "a softmax": (lambda: [Pooling(WIDTH), Dense(WIDTH, 8, activation_function=nn.Softmax())], {}, "its activation is"),
    "a distance": (lambda: [Pooling(WIDTH)], {"similarity_fn_name": "euclidean"}, "compares by the euclidean distance"),
    "prompts apart": (lambda: [Pooling(WIDTH, include_prompt=False)], {}, "pools without its prompt"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_option_expresses_is_refused(words: Path, tmp_path: Path, name: str) -> None:
    modules, given, message = REFUSED[name]
    folder = write_dual(tmp_path / "model", words, *modules(), **given)
    with pytest.raises(UserError, match=message):
        opened(Dual, folder)


def test_an_argument_takes_the_place_of_a_value_that_cannot_be_expressed(words: Path, tmp_path: Path) -> None:
    folder = write_dual(tmp_path / "model", words, Pooling(WIDTH, ("cls", "max")))
    assert opened(Dual, folder, pooling="max").form["pooling"] == "max"


def test_the_default_backbones_package_counts_as_a_plain_backbone() -> None:
    folder = locate("minilm")
    assert (folder / "modules.json").exists()
    assert foreign(folder) is None
    assert saved_form(folder, "dual") == {}


PYLATES: dict[str, dict[str, Any]] = {
    "as it is saved": {},
    "looked at": {"attend_to_expansion_tokens": True},
    "not filled up": {"do_query_expansion": False},
    "all punctuation left out": {"skiplist_words": ...},
    "with prompts": {"prompts": {"query": "home ", "document": "the "}},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PYLATES)
def test_late_interaction_is_pylates(words: Path, tmp_path: Path, name: str) -> None:
    folder = write_pylate(tmp_path / "model", words, **PYLATES[name])
    scorer = opened(Late, folder)
    np.testing.assert_allclose(scored(scorer), theirs(folder, MultiVectorEncoder), atol=1e-4)
    scorer.save(tmp_path / "saved")
    np.testing.assert_allclose(scored(opened(Late, tmp_path / "saved")), scored(scorer), atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"attend_to_mask_tokens": True, "mask_punctuation": False}], ids=str)
def test_late_interaction_is_stanfords(words: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    folder = write_stanford(tmp_path / "model", words, **options)
    np.testing.assert_allclose(scored(opened(Late, folder)), theirs(folder, MultiVectorEncoder), atol=1e-4)


def test_late_interaction_is_the_multi_vector_encoder_of_its_folder(words: Path, tmp_path: Path) -> None:
    torch.manual_seed(8)
    MultiVectorEncoder(str(words)).save_pretrained(str(tmp_path / "model"))
    np.testing.assert_allclose(
        scored(opened(Late, tmp_path / "model")), theirs(tmp_path / "model", MultiVectorEncoder), atol=1e-4
    )


def test_an_exchanged_colbert_map_changes_scores(words: Path, tmp_path: Path) -> None:
    folder = write_stanford(tmp_path / "model", words)
    before = scored(opened(Late, folder))
    weights = load_file(folder / "model.safetensors")
    weights["linear.weight"] = weights["linear.weight"].flip(-1)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert not np.allclose(scored(opened(Late, folder)), before, atol=1e-2)


def test_what_another_kind_of_scorer_does_not_read_is_named(
    words: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened(Dual, write_stanford(tmp_path / "stanford", words))
    assert "stanford: nothing reads these of its weights: linear.weight" in caplog.text
    opened(Late, write_dual(tmp_path / "dual", words, Pooling(WIDTH), Dense(WIDTH, 6)))
    assert "2_Dense/model.safetensors: nothing reads these weights" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("activation", [None, "Identity", "Sigmoid", "Tanh"])
def test_a_cross_encoder_follows_the_activation_of_its_folder(
    words: Path, tmp_path: Path, activation: str | None
) -> None:
    folder = write_classifier(tmp_path / "bert", words, "bert")
    given = {} if activation is None else {"activation_fn": getattr(nn, activation)()}
    CrossEncoder(str(folder), device="cpu", **given).save_pretrained(str(tmp_path / "model"))
    model = CrossEncoder(str(tmp_path / "model"), device="cpu")
    expected = model.predict([(query, passage) for query in ASKED for passage in FOUND]).reshape(2, 2)
    scorer = opened(Cross, tmp_path / "model", query_length=30, passage_length=34)
    np.testing.assert_allclose(scored(scorer), expected, atol=1e-5)
    assert scorer.form["activation"] == (activation or "Sigmoid").lower()


def test_a_cross_encoders_activation_may_stand_in_its_configuration(words: Path, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "bert", words, "bert")
    edit(folder / "config.json", sbert_ce_default_activation_function="torch.nn.modules.activation.Sigmoid")
    assert opened(Cross, folder).form["activation"] == "sigmoid"
    edit(folder / "config.json", sentence_transformers={"activation_fn": "torch.nn.modules.activation.Softmax"})
    with pytest.raises(
        UserError, match=r"its activation is torch.nn.modules.activation.Softmax, and activation may be"
    ):
        opened(Cross, folder)
    assert opened(Cross, folder, activation="identity").form["activation"] == "identity"
