"""Every recipe in conf/experiment/ from end to end at toy size by one command, and what is asked for without one."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from retrieval_kd.app.main import run
from retrieval_kd.text.run import Run
from tests.contracts.options import CONF
from tests.recipes import numbers

# 3 steps of 8 queries: nothing is learnt, everything is done
SMALL = ["corpus=beir", "optim.steps=3", "data.queries_per_step=8", "machine=cpu"]
MAIN_JOBS = {
    "the main job": ["teacher=colbert", "loss=self_otf"],
    "a late teacher of its own": ["teacher=colbert", "loss=tight_coupling"],
    "a cross-encoder, trained first": ["teacher=cross_encoder", "loss=listwise_kl"],
    "a larger dual encoder": ["teacher=dual", "loss=margin_mse", "student=dual_untied"],
    "a small query tower over its teacher's index": ["student=asymmetric", "teacher=dual", "loss=aligned"],
    "an ensemble, its members trained first": ["teacher=ensemble", "loss=listwise_kl"],
    "no teacher": ["teacher=none", "loss=contrastive"],
    "in-batch negatives alone": ["teacher=none", "loss=contrastive", "data=in_batch"],
    "lists in rank order, mined anew on the way": [
        "teacher=none",
        "loss=contrastive",
        "data=ranked",
        "data.refresh_every=2",
    ],
    "sentences by states, words by every head": [
        "teacher=cross_encoder",
        "loss=word_and_sentence",
        "loss.terms.kl.weight=0.0",
        "loss.terms.state.weight=1.0",
        "loss.terms.words.heads=each",
    ],
    "a cascade whose cross-encoder learns too": [
        "teacher=cascade",
        "loss=cascade",
        "student.dropout=0.1",
        "loss.terms.cross_contrastive.weight=1.0",
    ],
    "a late-interaction student": ["teacher=none", "loss=contrastive", "student=colbert"],
}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_minilm")]


def recipes() -> list[str]:
    return sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


def words_of(job: str) -> list[str]:
    return [f"experiment={job}"] if job in recipes() else MAIN_JOBS[job]


def stamps(folder: Path) -> Mapping[str, int]:
    """Every file of every artifact, with the time of its last change."""
    return {str(path): path.stat().st_mtime_ns for path in folder.glob("*-*/**/*") if path.is_file()}


def artifacts(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.glob(f"{kind}-*"))


def json_of(folder: Path, name: str = "metrics.json") -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / name).read_text())
    return values


def assert_judged(folder: Path, metrics: Mapping[str, Any]) -> None:
    """The evaluation of a student, or of one teacher, is whole."""
    config = next(place / "config.yaml" for place in (folder, folder.parent) if (place / "config.yaml").exists())
    measures = set(yaml.safe_load(config.read_text())["evaluation"]["measures"])
    assert {"nDCG@10", "RR@10"} <= measures
    for split in ("test", "dev"):
        assert measures <= set(metrics[split])
        assert metrics[split]["queries"] == 15
        assert len((folder / f"per_query-{split}.jsonl").read_text().splitlines()) >= 15
    assert len(Run.read(folder / "run.trec").query_ids) == 30


@dataclass(frozen=True)
class Together:
    """What `-m experiment=glob(*)` printed and left behind; `planned`: what it prints with dry_run=true."""

    folder: Path
    planned: str
    output: str


@pytest.fixture(scope="module")
def together(planted: Path, small_minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Together:
    """All recipes by one command."""
    folder = tmp_path_factory.mktemp("together")
    words = ["-m", "experiment=glob(*)", *SMALL, f"corpus.path={planted}", f"artifacts={folder}"]
    outputs = [StringIO(), StringIO()]
    for out, more in zip(outputs, (["dry_run=true"], []), strict=True):
        with redirect_stdout(out):
            assert run([*words, *more]) == 0, out.getvalue()[-2000:]
    return Together(folder, *(out.getvalue() for out in outputs))


@pytest.mark.parametrize("job", [*recipes(), *MAIN_JOBS])
def test_a_recipe_runs_to_its_end_and_then_has_nothing_left_to_make(
    job: str, planted: Path, together: Together, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = together.folder if job in recipes() else tmp_path
    words = [*words_of(job), *SMALL, f"corpus.path={planted}", f"artifacts={place}"]
    if job in MAIN_JOBS:
        assert run(words) == 0, capsys.readouterr().err
    assert not list(place.glob("*.part"))
    for folder in artifacts(place, "evaluate"):
        metrics = json_of(folder)
        for judged in [folder] if "test" in metrics else [path for path in folder.iterdir() if path.is_dir()]:
            assert_judged(judged, metrics if judged == folder else metrics[judged.name])
    for folder in artifacts(place, "train"):
        roles = json_of(folder / "payload", "roles.json")
        assert (folder / "payload/student/model.safetensors").exists() or "student" not in roles
        assert json_of(folder)["steps"] == 3
        assert not list(folder.rglob("*.ckpt"))
    before = stamps(place)
    assert run(words) == 0
    assert stamps(place) == before
    table = capsys.readouterr().out
    assert "nDCG@10" in table
    assert str(place) in table


def test_a_kind_of_stage_whose_numbers_change_gets_another_revision(together: Together) -> None:
    now = numbers.present(together.folder)
    if "RECORD_NUMBERS" in os.environ:
        numbers.record(now)
    before = numbers.recorded()
    assert set(now) == set(before)
    for kind, of in now.items():
        advice = f"raise the revision of {kind} in app/plan/stage_kinds.py, then run `make numbers`"
        assert of["revision"] == before[kind]["revision"], "run `make numbers`"
        assert not numbers.differing(before[kind], of), advice
        assert set(of["numbers"]) == set(before[kind]["numbers"]), "run `make numbers`"


def test_recipes_share_what_they_do_alike(together: Together) -> None:
    counted = re.search(r"(\d+) stages in (\d+) runs, (\d+) artifacts: sharing saves (\d+)", together.planned)
    assert counted is not None
    stages, runs, made, saved = map(int, counted.groups())
    assert runs == len(recipes())
    assert made == len(list(together.folder.glob("*-*/manifest.json"))) == stages - saved
    assert made < 0.7 * stages
    by_words = [place for place in artifacts(together.folder, "mine") if "BM25" in (place / "config.yaml").read_text()]
    assert len(by_words) == 1
    names = [json_of(place, "manifest.json")["stage"]["name"] for place in artifacts(together.folder, "train")]
    assert names.count("warm_up") == 2  # tct_colbert's has a teacher
    assert names.count("ranker") == names.count("taught") == 1


def test_what_narrows_the_queries_narrows_the_training(together: Together) -> None:
    names = {
        json_of(place, "manifest.json")["stage"]["name"]: place
        for place in together.folder.glob("*-*/")
        if (place / "manifest.json").exists() and json_of(place, "manifest.json")["stage"]["recipe"] == "prod"
    }
    mined, trained = json_of(names["confusing"]), json_of(names["continue"])
    assert 0 < trained["queries"] == mined["queries_with_candidates"] < mined["queries"]
    assert trained["queries_without_a_list"] == mined["queries_without_candidates"]


def test_many_recipes_end_with_one_table(together: Together) -> None:
    _, ended, table = together.output.partition(f"{len(recipes())} runs, test queries")
    assert ended
    rows = [line for line in table.splitlines() if re.search(r"( +\d\.\d{3}){3} +15$", line)]
    for recipe in recipes():
        assert any(re.match(rf"student.* · experiment={recipe} ", row) for row in rows), table
    (shared,) = [row for row in rows if row.startswith("warm-up · experiment=adam, ")]
    assert "aligned" in shared
