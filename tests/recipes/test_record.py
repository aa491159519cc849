"""`record` tells what sealed evaluations say, in the recipe's own folder."""

import json
from pathlib import Path

import pytest

from retrieval_kd.app.main import run
from retrieval_kd.app.report.record_table import BEGIN, END
from tests.recipes.test_recipes import SMALL

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_minilm")]


def test_a_record_is_appended_once_compared_and_rendered(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("baseline", "listwise_kl"):
        (tmp_path / "experiments" / name).mkdir(parents=True)
        (tmp_path / "experiments" / name / "README.md").write_text(f"# {name}\n\n{BEGIN}\n{END}\n")
    common = [*SMALL, f"corpus.path={planted}", "artifacts=artifacts"]
    assert run(["record", "experiment=baseline", *common]) == 2
    assert "none of baseline's evaluations is there" in capsys.readouterr().err
    for name in ("baseline", "listwise_kl"):
        assert run([f"experiment={name}", *common]) == 0
        assert run(["record", f"experiment={name}", *common]) == 0
    path = tmp_path / "experiments/listwise_kl/results.jsonl"
    before = path.read_text()
    rows = [json.loads(line) for line in before.splitlines()]
    final = [row for row in rows if row["kind"] == "evaluation" and row["final"]]
    assert [row["title"] for row in final] == ["student"]
    compared = [row for row in rows if row["kind"] == "comparison"]
    beside = {row["artifact"] for row in rows if row["kind"] == "evaluation"} - {final[0]["artifact"]}
    (with_control,) = [row for row in compared if row["against"]["recipe"] == "baseline"]
    assert {row["against"]["artifact"] for row in compared} == {*beside, with_control["against"]["artifact"]}
    assert {row["queries"] for row in compared} == {final[0]["test"]["queries"]} == {15}
    assert str(tmp_path) not in before
    text = (tmp_path / "experiments/listwise_kl/README.md").read_text()
    assert "| **student** |" in text
    assert run(["record", "experiment=listwise_kl", *common]) == 0
    assert path.read_text() == before
    longer = [*common, "+at.again.optim.steps=2"]
    assert run(["experiment=baseline", *longer]) == 0
    for words in (longer, common):
        assert run(["record", "experiment=baseline", *words]) == 0
    rows = [json.loads(line) for line in (tmp_path / "experiments/baseline/results.jsonl").read_text().splitlines()]
    students = {row["artifact"] for row in rows if row.get("final")}
    pairs = [{row["artifact"], row["against"]["artifact"]} for row in rows if "against" in row]
    assert pairs.count(students) == 1, "two students of a recipe are compared once, whichever is recorded again"
