"""Executing a plan: what is made, what is not made again, and what an artifact holds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from retrieval_kd.app.stages.work import Work
from tests.app import free_stages
from tests.app.conftest import write_collection

pytestmark = pytest.mark.slow

Program = Callable[..., int]
LADDER = "experiment=ladder"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The kinds of stages made since the last time it was asked."""
    path = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(path))

    def since() -> list[str]:
        lines = path.read_text().splitlines() if path.exists() else []
        path.write_text("")
        return [line.split()[0] for line in lines]

    return since


def artifacts(kind: str = "") -> list[Path]:
    return sorted(
        path for path in Path("artifacts").glob(f"{kind}*-*") if path.is_dir() and not path.name.startswith("corpus-")
    )


def test_every_stage_of_the_plan_is_made_and_sealed(program: Program, calls: Callable[[], list[str]]) -> None:
    assert program(LADDER) == 0
    assert calls() == ["mine", "train", "train", "train", "evaluate"]
    assert [path.name.partition("-")[0] for path in artifacts()] == ["evaluate", "mine", "train", "train", "train"]
    assert not list(Path("artifacts").glob("*.part"))


def test_what_is_sealed_is_not_made_again(program: Program, calls: Callable[[], list[str]]) -> None:
    program(LADDER)
    calls()
    assert program(LADDER) == 0
    assert calls() == []
    program(LADDER, "+at.distil.optim.lr=0.125")
    assert calls() == ["train", "evaluate"]


def test_fresh_makes_a_stage_and_what_descends_from_it_again(program: Program, calls: Callable[[], list[str]]) -> None:
    program(LADDER)
    calls()
    assert program(LADDER, "fresh=warm_up") == 0
    assert calls() == ["train", "train", "evaluate"]
    assert len(artifacts()) == 5


def test_stage_makes_that_stage_alone_once_its_inputs_are_there(
    program: Program, calls: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program(LADDER, "stage=teacher") == 2
    assert (
        "stage=teacher needs what lexical makes, which is not there: run stage=lexical first" in capsys.readouterr().err
    )
    assert artifacts() == []
    assert program(LADDER, "stage=lexical") == 0
    assert program(LADDER, "stage=teacher") == 0
    assert calls() == ["mine", "train"]


def test_an_artifact_holds_what_made_it_and_what_came_of_it(program: Program) -> None:
    program(LADDER, "+at.distil.optim.lr=0.125", "optim.steps=3")
    trained = [(path, OmegaConf.load(path / "config.yaml")) for path in artifacts("train")]
    folder = next(path for path, config in trained if config.optim.lr == 0.125)
    inputs = json.loads((folder / "inputs.json").read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(inputs) == {"lexical", "warm_up", "teacher"}
    assert set(manifest) == {"stage", "command", "commit", "python", "versions", "seconds", "files", "inputs", "corpus"}
    assert manifest["stage"]["name"] == "distil"
    assert manifest["stage"]["recipe"] == "ladder"
    assert manifest["stage"]["seed"] == 0
    assert len(manifest["files"]["payload/student/model.safetensors"]) == 64
    assert manifest["inputs"]["lexical"]["payload/run.trec"]
    assert json.loads((folder / "metrics.json").read_text()) == {"steps": 3, "began": 0}
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row.get("step") for row in rows] == [1, 2, 3, None]
    assert rows[-1] == {"steps": 3, "began": 0}  # the final metrics, logged as the others are


def test_a_stage_gets_paths_where_its_config_names_artifacts(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def watched(config: DictConfig, work: Work) -> dict[str, Any]:
        seen[str(config.student.checkpoint)] = str(config.data.candidates)
        return made(config, work)

    made = free_stages.train
    monkeypatch.setattr(free_stages, "train", watched)
    program(LADDER)
    wired = [path for path in seen if path != "None"]
    assert all(Path(path, "model.safetensors").is_file() for path in wired)
    assert all(Path(candidates).is_file() for candidates in seen.values())


def test_dry_run_prints_the_plan_and_writes_nothing(
    program: Program, calls: Callable[[], list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert program(LADDER, "dry_run=true", "teacher.late.checkpoint=minilm") == 0
    output = capsys.readouterr().out
    assert "lexical" in output
    assert "to make" in output
    assert "teacher (no stage reads what it makes)" in output
    assert calls() == []
    assert list(tmp_path.iterdir()) == [tmp_path / "calls"]
    program(LADDER)
    capsys.readouterr()
    program(LADDER, "dry_run=true")
    assert "to make" not in capsys.readouterr().out
    program(LADDER, "dry_run=true", "fresh=distil")
    assert capsys.readouterr().out.count("to make again") == 2


def test_the_last_thing_printed_is_a_table_where_artifacts_lie_and_what_to_try(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program("teacher=colbert", "loss=self_otf") == 0
    output = capsys.readouterr().out
    rows = [line.split() for line in output.splitlines()]
    assert ["nDCG@10", "RR@10", "R@100", "queries"] in rows
    assert ["student", "before", "training", "0.500", "0.500", "1.000", "2"] in rows
    assert ["student", "after", "training", "0.750", "0.500", "1.000", "2"] in rows
    assert [row[0] for row in rows if "0.500" in row] == ["BM25", "student", "student", "teacher"]
    assert "artifacts:" in output
    assert "next: python train.py" in output


def test_a_multirun_plans_all_jobs_first_and_ends_with_one_table(
    program: Program, calls: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program("-m", LADDER, "seed=0,1", "ranker.k1=0.5") == 0
    assert sorted(calls()) == ["evaluate"] * 2 + ["mine"] + ["train"] * 6
    last = capsys.readouterr().out.split("2 runs, test queries")[1]
    assert "student · seed=0" in last
    assert "student · seed=1" in last


def test_a_fault_in_one_job_of_a_multirun_is_found_before_the_first_runs(
    program: Program, calls: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program("-m", LADDER, "teacher=colbert,dual") == 2
    assert "late" in capsys.readouterr().err
    assert calls() == []
    assert not Path("artifacts").exists()


def test_a_dry_multirun_counts_what_is_shared(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert program("-m", "experiment=ladder,tct_colbert", "dry_run=true") == 0
    assert "16 stages in 2 runs, 15 artifacts: sharing saves 1" in capsys.readouterr().out
    assert not Path("artifacts").exists()


def test_a_bad_collection_is_refused_with_nothing_written(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_collection(tmp_path / "bad")
    with open(folder / "corpus.jsonl", "a", encoding="utf-8") as file:
        file.write("{not json\n")
    assert program(LADDER, f"corpus.path={folder}") == 2
    assert "corpus.jsonl:7" in capsys.readouterr().err
    assert not Path("artifacts").exists()
