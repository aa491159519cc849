"""Titles that are parted from texts as two texts are: every ranker reads them so, as `transformers` writes them."""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from retrieval_kd.ranking.dense import Dense
from retrieval_kd.ranking.late import Late
from retrieval_kd.ranking.rerank import Rerank
from retrieval_kd.scorers import cross, dual, late
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.records import Passage
from tests.ranking.conftest import option_of
from tests.ranking.fakes import Told

PASSAGES = [Passage("a", "red fox", "the fox runs"), Passage("b", "", "the old cat"), Passage("c", "blue whale", "")]
QUERY = "quick fox"
JOINS = pytest.mark.parametrize("join", ["blank", "separator"])
TOKENS = {"tokens_per_group": 64}


@pytest.fixture
def titled(tmp_path: Path) -> Collection:
    return Collection.write(tmp_path / "titled", PASSAGES)


def written(backbone: str, join: str) -> list[list[int]]:
    """The passages as the library writes a text, or two."""
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    both = [text for text in PASSAGES if join == "separator" and text.title and text.text]
    return [
        tokenizer(text.title, text.text)["input_ids"] if text in both else tokenizer(text.words)["input_ids"]
        for text in PASSAGES
    ]


def states(scorer: dual.Dual | late.Late | cross.Cross, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return scorer.towers.query.backbone(input_ids=torch.tensor([ids])).last_hidden_state[0]


@JOINS
def test_a_dual_encoder_ranks_by_vectors_of_titles_and_texts(
    backbone: str, titled: Collection, tmp_path: Path, join: str
) -> None:
    scorer = dual.Dual(**option_of("dual", backbone, pooling="cls", normalize=False, scale=1.0, join=join)).eval()
    ranked = Dense(scorer=scorer, artifacts=tmp_path, **TOKENS).rank({"q": QUERY}, titled, 3).lists["q"]
    asked = states(scorer, AutoTokenizer.from_pretrained(backbone)(QUERY)["input_ids"])[0]
    expected = [float(asked @ states(scorer, ids)[0]) for ids in written(backbone, join)]
    assert {row.passage_id: pytest.approx(row.score, abs=1e-4) for row in ranked} == dict(
        zip("abc", expected, strict=True)
    )


@JOINS
def test_late_interaction_counts_what_parts_them_as_a_token(
    backbone: str, titled: Collection, tmp_path: Path, join: str
) -> None:
    plain = {"normalize_query": False, "normalize_passage": False, "average": False, "scale": 1.0}
    scorer = late.Late(**option_of("late", backbone, join=join, **plain)).eval()
    ranked = Late(scorer=scorer, artifacts=tmp_path, **TOKENS).rank({"q": QUERY}, titled, 3).lists["q"]
    asked = states(scorer, AutoTokenizer.from_pretrained(backbone)(QUERY)["input_ids"])
    best = [(asked @ states(scorer, ids).T).amax(1).sum() for ids in written(backbone, join)]
    assert {row.passage_id: pytest.approx(row.score, abs=1e-3) for row in ranked} == {
        name: float(score) for name, score in zip("abc", best, strict=True)
    }


@JOINS
def test_a_cross_encoder_reads_them_behind_the_query(
    backbone: str, titled: Collection, tmp_path: Path, join: str
) -> None:
    """As PROD's and LEAD's code joins them: the query's pieces, then the passage's without its first and last."""
    form = {"pooling": "cls", "segments": False, "close": False, "join": join}
    scorer = cross.Cross(**option_of("cross", backbone, word_attention=False, **form)).eval()
    options = {"candidates": Told({"q": dict.fromkeys("abc", 1.0)}), "candidates_per_query": 3}
    ranked = Rerank(scorer=scorer, artifacts=tmp_path, **TOKENS, **options).rank({"q": QUERY}, titled, 3).lists["q"]
    asked = AutoTokenizer.from_pretrained(backbone)(QUERY)["input_ids"]
    pairs = [[*asked, *ids[1:-1]] for ids in written(backbone, join)]
    with torch.no_grad():
        expected = [float(scorer.classifier(states(scorer, ids)[0])) for ids in pairs]
    assert {row.passage_id: pytest.approx(row.score, abs=1e-5) for row in ranked} == dict(
        zip("abc", expected, strict=True)
    )
