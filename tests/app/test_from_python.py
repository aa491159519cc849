"""What `import retrieval_kd` gives: its examples, and what it refuses."""

import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import retrieval_kd
from retrieval_kd import UserError, load, open_artifact, plan, run
from retrieval_kd.app.stages.open_scorers import open_scorer
from retrieval_kd.encoders.tiny import write_tiny
from tests.app.conftest import WORDS
from tests.contracts.options import option

HEAVY = {"torch", "transformers", "hydra", "numpy", "pytorch_lightning", "wandb"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """kind → the folder of a scorer of that kind, over one tiny backbone."""
    folder = tmp_path_factory.mktemp("saved")
    tiny = write_tiny(folder / "tiny", [f"all about the {word} lanterns" for word in WORDS])
    for kind in ("dual", "late", "cross"):
        open_scorer({**option("scorer", kind), "backbone": str(tiny)}, seed=0).save(folder / kind)
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in retrieval_kd.__all__ if name not in ("Artifact", "Plan", "UserError")]
)
def test_the_example_of_a_public_name_gives_what_it_says(
    name: str, saved: dict[str, Path], collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    known = {"scorer_folder": saved["dual"], "collection": collection}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(retrieval_kd, name), name, extraglobs=known)
    assert example.examples, "a public name shows how it is used"
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example).failed == 0


def test_importing_the_package_imports_nothing_heavy() -> None:
    imported = subprocess.run(
        [sys.executable, "-c", "import sys, retrieval_kd; dir(retrieval_kd); print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert HEAVY & set(imported.stdout.split()) == set()


def test_a_name_that_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        retrieval_kd.lode  # type: ignore[attr-defined]  # noqa: B018


def test_a_dual_score_is_the_scale_times_the_product_of_the_vectors(saved: dict[str, Path]) -> None:
    student = load(saved["dual"])
    query, passage = student.encode_queries(["heron"]), student.encode_passages([("the", "lantern")])
    assert isinstance(query, np.ndarray)
    assert isinstance(passage, np.ndarray)
    product = student.form["scale"] * query @ passage.T
    np.testing.assert_allclose(student.score([("heron", ("the", "lantern"))]), product[0], rtol=1e-5)


def test_a_late_score_is_the_mean_of_the_query_tokens_best_matches(saved: dict[str, Path]) -> None:
    teacher = load(saved["late"])
    (query,), (passage, other) = teacher.encode_queries(["heron"]), teacher.encode_passages(["the lantern", "all"])
    assert len(passage) != len(other)
    assert teacher.form["average"]
    best = (query @ passage.T).max(1).mean() * teacher.form["scale"]
    np.testing.assert_allclose(teacher.score([("heron", "the lantern")]), [best], rtol=1e-5)


def test_a_cross_encoder_scores_pairs_and_has_no_vectors(saved: dict[str, Path]) -> None:
    teacher = load(saved["cross"])
    assert teacher.score([("heron", "the lantern"), ("heron", "the heron")]).shape == (2,)
    with pytest.raises(UserError, match="reads query and passage as one text"):
        teacher.encode_queries(["heron"])
    with pytest.raises(UserError, match="ask for the scores of pairs"):
        teacher.encode_passages(["heron"])


@pytest.mark.parametrize("kind", ["dual", "late", "cross"])
def test_no_pairs_have_no_scores(kind: str, saved: dict[str, Path]) -> None:
    assert load(saved[kind]).score([]).shape == (0,)


def test_no_texts_have_no_vectors(saved: dict[str, Path]) -> None:
    assert np.shape(load(saved["dual"]).encode_passages([])) == (0, 32)
    assert load(saved["late"]).encode_queries([]) == []


def test_one_text_in_the_place_of_a_list_is_refused(saved: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="'heron' is one text; give a list of queries"):
        load(saved["dual"]).encode_queries("heron")
    with pytest.raises(UserError, match="'my_package' is one text; give a list of packages"):
        load(saved["dual"], plugins="my_package")
    with pytest.raises(UserError, match="is one text; give a list of overrides"):
        plan("teacher=colbert")


def test_a_folder_without_a_scorer_is_refused(saved: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no scorer, or a backbone alone"):
        load(saved["tiny"])
    with pytest.raises(UserError, match="precision=half: give bf16-mixed or 16-mixed"):
        load(saved["dual"], precision="half")
    with pytest.raises(UserError, match="accelerator=tpu: give auto or cpu"):
        load(saved["dual"], accelerator="tpu")


def test_what_was_not_sealed_is_no_artifact(corpus: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        open_artifact(tmp_path / "mine-0")
    (tmp_path / "mine-0.part").mkdir()
    with pytest.raises(UserError, match="is being made and is not sealed"):
        open_artifact(tmp_path / "mine-0.part")
    with pytest.raises(UserError, match=r"holds no manifest\.json, so it is no artifact"):
        open_artifact(tmp_path)
    made = run([*corpus, f"artifacts={tmp_path}", "stage=lexical"])["lexical"]
    with pytest.raises(UserError, match="a mine artifact holds no scorer"):
        made.scorer()
    with pytest.raises(UserError, match="no run of late; there are: the only one, without a role"):
        made.run("late")
    with pytest.raises(UserError, match="is an artifact, which may hold several scorers"):
        load(made.folder)
    made.runs[""].unlink()
    with pytest.raises(UserError, match=r"payload/run\.trec is not what was sealed there; .* fresh=lexical"):
        open_artifact(made.folder)


def test_a_caller_gets_all_faults_in_one_error(corpus: list[str]) -> None:
    with pytest.raises(UserError, match=r"(?s)optim\.stepz.*student=duel|student=duel.*optim\.stepz"):
        plan([*corpus, "optim.stepz=1", "student=duel"])


@pytest.mark.parametrize("word", ["-m", "record", "--config-dir=here"])
def test_a_caller_gives_overrides_alone(word: str) -> None:
    with pytest.raises(UserError, match="give overrides alone"):
        plan([word])


def test_a_run_that_only_plans_is_refused(corpus: list[str]) -> None:
    with pytest.raises(UserError, match="dry_run=true makes nothing"):
        run([*corpus, "dry_run=true"])
