"""Every recipe in conf/experiment/ from end to end at toy size, and what can be asked for without one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.run import run
from retrieval_kd.text.run import Run
from tests.contracts.options import CONF

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
    "a late-interaction student": ["teacher=none", "loss=contrastive", "student=colbert", "ranker=late"],
}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_minilm")]


def recipes() -> list[str]:
    return sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


def words_of(job: str) -> list[str]:
    return [f"experiment={job}"] if job in recipes() else MAIN_JOBS[job]


def stamps(folder: Path) -> Mapping[str, int]:
    """Every file of every artifact, with the time of its last change."""
    return {str(path): path.stat().st_mtime_ns for path in folder.glob("*-*/**/*") if path.is_file()}


def artifacts(folder: Path, verb: str) -> list[Path]:
    return sorted(folder.glob(f"{verb}-*"))


def told(folder: Path, name: str = "metrics.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / name).read_text())
    return found


def assert_judged(folder: Path, metrics: Mapping[str, Any]) -> None:
    """The evaluation of a student, or of one teacher, is whole."""
    for split in ("test", "dev"):
        assert {"nDCG@10", "RR@10", "R@100"} <= set(metrics[split])
        assert metrics[split]["queries"] == 15
        assert len((folder / f"per_query-{split}.jsonl").read_text().splitlines()) >= 15
    assert len(Run.read(folder / "run.trec").query_ids) == 30


@pytest.mark.parametrize("job", [*recipes(), *MAIN_JOBS])
def test_a_recipe_runs_to_its_end_and_then_has_nothing_left_to_make(
    job: str, planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*words_of(job), *SMALL, f"corpus.path={planted}", f"artifacts={tmp_path}"]
    assert run(words) == 0, capsys.readouterr().err
    assert not list(tmp_path.glob("*.part"))
    for folder in artifacts(tmp_path, "evaluate"):
        metrics = told(folder)
        for judged in [folder] if "test" in metrics else [path for path in folder.iterdir() if path.is_dir()]:
            assert_judged(judged, metrics if judged == folder else metrics[judged.name])
    for folder in artifacts(tmp_path, "train"):
        roles = told(folder / "payload", "roles.json")
        assert (folder / "payload/student/model.safetensors").exists() or "student" not in roles
        assert told(folder)["steps"] == 3
        assert not list(folder.rglob("*.ckpt"))
    before = stamps(tmp_path)
    assert run(words) == 0
    assert stamps(tmp_path) == before
    table = capsys.readouterr().out
    assert "nDCG@10" in table
    assert str(tmp_path) in table


def test_recipes_share_what_they_do_alike(planted: Path, tmp_path: Path) -> None:
    common = [*SMALL, f"corpus.path={planted}", f"artifacts={tmp_path}"]
    assert run(["experiment=tct_colbert", *common]) == 0
    before = stamps(tmp_path)
    assert run(["experiment=ernie_search", *common]) == 0
    after = stamps(tmp_path)
    assert {path: after[path] for path in before} == before
    by_words = [folder for folder in artifacts(tmp_path, "mine") if "BM25" in (folder / "config.yaml").read_text()]
    assert len(by_words) == 1
