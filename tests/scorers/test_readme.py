"""The guide's way to use a student without this package gives our own scores, whatever the student's form."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from retrieval_kd.app.stages.open_scorers import open_all, open_scorer
from retrieval_kd.ranking.dense import Dense
from retrieval_kd.scorers.asymmetric import Asymmetric
from retrieval_kd.scorers.dual import Dual
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.records import Passage
from tests.contracts.options import option
from tests.house.tree import ROOT
from tests.scorers.reading import moved

FOLDER = "artifacts/train-…/payload/student"
QUERIES = ["red fox", "the dog slept and ran home and slept all day and the cat sat", "a cat"]
PASSAGES = ["the red fox ran home", "", "a dog slept all day and the fox and the cat are home", "cat", "it ran"]
TITLES = ["a red cat", "", "", "the dog", ""]
FORMS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "cls, projected": {"pooling": "cls", "projection": 5, "scale": 3.0},
    "cls, no unit vectors": {
        "pooling": "cls",
        "normalize": False,
        "scale": 1.0,
        "query_length": 4,
        "passage_length": 6,
    },
    "words alone, marked, filled, open": {
        "pooling": "mean_words",
        "query_marker": "[Q]",
        "passage_marker": "[D]",
        "pad_queries": True,
        "close": False,
        "query_length": 9,
        "passage_length": 10,
        "normalize": False,
    },
    "filled behind [SEP], words alone": {"pooling": "mean_words", "pad_queries": True, "query_length": 12},
    "a marker in the place of [CLS]": {"query_marker": "[Q]", "marker_at": "first", "pooling": "cls"},
    "titles parted": {"join": "separator"},
    "titles parted, words alone": {"join": "separator", "pooling": "mean_words", "passage_length": 9},
    "bent without a bias": {"projection": 5, "projection_bias": False, "projection_activation": "tanh"},
    **{
        f"pooled by {pooling}": {"pooling": pooling} for pooling in ("max", "last", "weighted_mean", "mean_sqrt_length")
    },
    "two towers, projected, filled": {"shared": False, "projection": 7, "pad_queries": True, "query_length": 12},
}


def titled() -> list[tuple[str, str]]:
    return list(zip(TITLES, PASSAGES, strict=True))


def readme(folder: Path) -> dict[str, Any]:
    """What the code in the guide on students defines, over a folder."""
    (code,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "experiments/guides/students.md").read_text(encoding="utf-8"), re.S
    )
    assert FOLDER in code
    made: dict[str, Any] = {}
    exec(compile(code.replace(FOLDER, str(folder)), "students.md", "exec"), made)
    return made


def ranked(scorer: Dual | Asymmetric, folder: Path) -> torch.Tensor:
    """Our own scores of every passage for every query, [query passage]."""
    passages = Collection.write(folder / "collection", (Passage(str(n), *both) for n, both in enumerate(titled())))
    ranker = Dense(scorer=scorer, artifacts=folder, tokens_per_group=64)
    run = ranker.rank({str(n): text for n, text in enumerate(QUERIES)}, passages, len(PASSAGES)).lists
    listed = [{row.passage_id: row.score for row in run[str(n)]} for n in range(len(QUERIES))]
    return torch.tensor([[scores[str(n)] for n in range(len(PASSAGES))] for scores in listed])


def saved(backbone: Path, folder: Path, **form: Any) -> None:
    node = {**option("scorer", "dual"), "backbone": str(backbone), **form}
    moved(open_scorer(node, seed=0)).save(folder)


def asymmetric(backbone: Path, folder: Path) -> None:
    """A small query tower over passages of another form."""
    passages = {"pooling": "cls", "projection": 6, "normalize": False, "passage_length": 8, "passage_marker": "[D]"}
    teacher = {**option("scorer", "dual"), "backbone": str(backbone), **passages}
    student = {**option("student", "asymmetric"), "backbone": str(backbone), "layers": [0], "pooling": "mean_words"}
    options = {"tied": (), "learners": {"student", "dual"}, "seed": 0}
    moved(open_all(student, {"dual": teacher}, **options)["student"]).save(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FORMS, "asymmetric"])
def test_readmes_code_scores_as_the_package_does(backbone: Path, tmp_path: Path, name: str) -> None:
    folder, kind = tmp_path / "student", "asymmetric" if name == "asymmetric" else "dual"
    if name in FORMS:
        saved(backbone, folder, **FORMS[name])
    else:
        asymmetric(backbone, folder)
    node = {**option("student", kind), "layers": None, "checkpoint": str(folder)}
    made, ours = readme(folder), ranked(open_scorer(node, seed=0), tmp_path)
    query, passage = made["query"], made["passage"]
    expected = query.form["scale"] * query(QUERIES) @ passage(titled()).T
    torch.testing.assert_close(expected, ours, rtol=1e-5, atol=1e-4)
    assert expected[:, 1].tolist() == [0, 0, 0]  # the empty passage
    assert made["scores"].shape == (1, 2)
