"""A collection that nobody judged, from its texts to a student and what that kept of its teacher."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sentence_transformers.sentence_transformer.modules import Pooling

from retrieval_kd import load
from retrieval_kd.app import from_python
from retrieval_kd.app.main import run
from retrieval_kd.app.report.results import objective, rows
from retrieval_kd.errors import UserError
from retrieval_kd.measures.agreement import agreement
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.corpus import open_corpus
from retrieval_kd.text.run import Run
from tests.planted import planted_backbone, without_qrels
from tests.recipes.commands import stage
from tests.scorers.foreign import write_dual

pytestmark = pytest.mark.slow
HELD_OUT = 20  # of the planted collection's 98 queries


@pytest.fixture(scope="module")
def bare(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted collection without its qrels."""
    return without_qrels(planted, tmp_path_factory.mktemp("bare") / "texts")


@pytest.fixture
def words(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A teacher that sentence-transformers saved, a student that begins elsewhere, and all that a command says."""
    monkeypatch.chdir(tmp_path)
    teacher = write_dual(tmp_path / "teacher", planted_backbone(tmp_path / "one", bare, layers=2), Pooling(32, "mean"))
    student = planted_backbone(tmp_path / "two", bare, layers=2, dim=16, seed=1)
    asked = [f"corpus.path={bare}", "corpus.held_out=0.2", "teacher=dual", f"teacher.dual.backbone={teacher}"]
    given = [f"student.backbone={student}", "student.layers=null", "optim.steps=60", "optim.lr=3e-3"]
    return ["corpus=beir", *asked, *given, "data.negatives=7", "machine=cpu"]


def test_texts_and_a_teacher_give_a_student_and_what_it_kept(
    words: list[str], bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "loss=aligned"]) == 0, capsys.readouterr().err
    printed = " ".join(capsys.readouterr().out.split())
    about = f"agreement with the teacher over {HELD_OUT} held-out queries without judgments: what was kept"
    assert about in printed
    assert "nDCG" not in printed
    assert "student after training − student before training: overlap@10 +" in printed
    ranked = {name: Run.read(stage(Path("artifacts"), name) / "run.trec") for name in ("student", "start", "teacher")}
    corpus = open_corpus(Beir(path=bare, drop_same_id=False, held_out=0.2), Path("artifacts"))
    mined = Run.read(stage(Path("artifacts"), "mined") / "payload" / "run.trec")
    assert set(mined.query_ids) == set(corpus.unjudged), "what is held out is not trained on"
    assert all(set(one.query_ids) == set(corpus.held_out) for one in ranked.values())
    after, before = (agreement(ranked[name], ranked["teacher"], depth=100) for name in ("student", "start"))
    assert after.mean("overlap@10") > before.mean("overlap@10") + 0.2
    shown = re.search(r"student after training (\d\.\d{3}) ±", printed)
    assert shown is None or float(shown[1]) == pytest.approx(after.mean("overlap@10"), abs=6e-4)


def test_the_teacher_that_ranks_is_the_one_that_was_given(words: list[str], bare: Path, tmp_path: Path) -> None:
    assert run([*words, "optim.steps=2"]) == 0
    teacher, passages = load(tmp_path / "teacher"), open_corpus(Beir(path=bare, drop_same_id=False), "x").collection
    lists = Run.read(stage(Path("artifacts"), "teacher") / "run.trec").lists
    name, listed = next(iter(lists.items()))
    text = open_corpus(Beir(path=bare, drop_same_id=False), "x").queries[name]
    scores = teacher.score([(text, passages[row.passage_id].words) for row in listed])
    assert [row.score for row in listed] == pytest.approx(scores.tolist(), abs=1e-4)


def test_a_sweeper_gets_the_overlap_with_the_teacher(words: list[str]) -> None:
    made = from_python.plan([*words, "optim.steps=2"])
    assert objective(made) is None
    assert run([*words, "optim.steps=2"]) == 0
    found = {row.title: row for row in rows(made)}
    assert set(found) == {"BM25", "student before training", "student after training"}
    assert objective(made) == found["student after training"].means["overlap@10"]
    assert {row.queries for row in found.values()} == {HELD_OUT}


@pytest.mark.parametrize(
    "more",
    [
        ["loss=listwise_kl"],
        ["loss=margin_mse", "loss.terms.margin.pairs=all"],
        ["student=asymmetric", "loss=aligned", "student.layers=null"],
        ["curriculum=false_negatives", "loss=listwise_kl", "curriculum.judge=dual"],
        ["loss=listwise_kl", "data=dark", "loss.terms.kl.over=list"],
        ["loss=aligned", "data.refresh_every=1"],
        ["loss=aligned", "ranker=hybrid"],
    ],
)
def test_guided_terms_need_no_judgments(words: list[str], more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, *more, "optim.steps=2"]) == 0, capsys.readouterr().err
    assert "agreement with the teacher" in capsys.readouterr().out


def test_one_encoder_that_reads_twice_teaches_itself_without_judgments(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    own = [word for word in words if not word.startswith("teacher")]
    assert run([*own, "optim.steps=2"]) == 0, capsys.readouterr().err
    assert "late teaches as it starts" in capsys.readouterr().out


def test_scores_of_queries_that_nobody_judged_are_stored_and_taught(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "optim.steps=2", "stage=mined"]) == 0
    mined = stage(Path("artifacts"), "mined") / "payload" / "run.trec"
    own = [word for word in words if not word.startswith("teacher")]
    stored = ["teacher=stored", f"teacher.stored.file={mined}", "loss=listwise_kl", f"data.candidates={mined}"]
    assert run([*own, *stored, "teacher.stored.missing=drop", "optim.steps=2"]) == 0, capsys.readouterr().err
    assert "nothing was measured: the collection has no judgments" in capsys.readouterr().out


def test_queries_of_a_collection_with_test_judgments_alone_are_learnt_from_when_asked_for(
    words: list[str], planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(planted, tmp_path / "tested")
    (folder / "qrels" / "train.tsv").unlink()
    (folder / "qrels" / "dev.tsv").unlink()
    own = [word for word in words if not word.startswith(("corpus.", "teacher"))]
    given = [*own, f"corpus.path={folder}", "optim.steps=2", "loss=aligned", "teacher=dual"]
    given += [f"teacher.dual.checkpoint={tmp_path / 'teacher'}"]
    assert run(given) == 2
    assert "has no training query to mine for" in (error := capsys.readouterr().err) or "data.unjudged=true" in error
    assert run([*given, "data.unjudged=true"]) == 0, capsys.readouterr().err
    assert "student after training keeps" in " ".join(capsys.readouterr().out.split())


@pytest.fixture
def recorded() -> Callable[[list[str]], None]:
    from retrieval_kd.app.report.record import record

    def made(words: list[str]) -> None:
        Path("experiments/distil").mkdir(parents=True)
        Path("experiments/distil/README.md").write_text("\n")
        record(from_python.plan(words), words)

    return made


def test_agreement_is_no_record(words: list[str], recorded: Callable[[list[str]], None]) -> None:
    assert run([*words, "optim.steps=2"]) == 0
    with pytest.raises(UserError, match="a record holds what judgments measure, and this collection has none"):
        recorded([*words, "optim.steps=2"])
