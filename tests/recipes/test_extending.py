"""experiments/guides/extending.md is run as it stands: its files become a package, its commands a run."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

import retrieval_kd
from retrieval_kd import UserError, load, open_artifact
from retrieval_kd.app.main import run
from retrieval_kd.app.plan import plugins
from retrieval_kd.app.stages.open_scorers import open_scorer
from retrieval_kd.encoders.tiny import write_tiny
from tests.app.conftest import WORDS
from tests.house.tree import ROOT

PAGE = (ROOT / "experiments" / "guides" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE, flags=re.DOTALL))
COMMANDS = re.findall(r"^python train\.py (.*)$", PAGE, flags=re.MULTILINE)
COLOURS = ("red", "green", "blue")
SMALL = (
    "optim.steps=2",
    "data.queries_per_step=4",
    "data.negatives=2",
    "machine=cpu",
    "save_every=1",
    "student.layers=null",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The page's files, a small corpus and a tiny backbone, in the working folder."""
    folder = tmp_path_factory.mktemp("workshop")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    texts = [(f"{colour} {word}", f"all about the {colour} {word}") for word in WORDS for colour in COLOURS]
    splits = ["train"] * 12 + ["dev"] * 2 + ["test"] * 4
    rows = [f"{split}\t{query}\t{text}\n" for split, (query, text) in zip(splits, texts, strict=True)]
    (folder / "pairs.tsv").write_text("".join(rows), encoding="utf-8")
    write_tiny(folder / "tiny", [text for pair in texts for text in pair])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setattr("sys.argv", ["train.py"])
        GlobalHydra.instance().clear()
        yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def small(command: str) -> list[str]:
    return [*command.split(), *SMALL, "student.backbone=tiny", "teacher.near.backbone=tiny"]


@pytest.fixture(scope="module")
def trained(workshop: Path) -> Path:
    """What the page's command trained."""
    assert run(small(COMMANDS[1])) == 0
    (folder,) = [
        path for path in (workshop / "artifacts").glob("train-*") if "my_package" in (path / "key.json").read_text()
    ]
    return folder


def test_the_page_plans_with_the_classes_that_it_adds(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(small(COMMANDS[0])) == 0
    assert "train" in capsys.readouterr().out


def test_the_page_trains_and_evaluates_with_its_own_parts(trained: Path) -> None:
    config = open_artifact(trained).config
    assert config["loss"]["terms"]["huber"]["_target_"] == "my_package.losses.Huber"
    assert config["curriculum"]["_target_"] == "my_package.curricula.Growing"
    assert config["teacher"]["near"]["_target_"] == "my_package.scorers.Near"
    assert config["corpus"]["_target_"] == "my_package.corpora.Pairs"
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["gradient_norm"] > 0 for row in rows if "gradient_norm" in row] == [True, True]


def test_the_code_of_each_class_is_in_the_key(trained: Path) -> None:
    assert set(json.loads((trained / "key.json").read_text(encoding="utf-8"))["plugins"]) == {
        "my_package.callbacks.GradientNorm",
        "my_package.corpora.Pairs",
        "my_package.curricula.Growing",
        "my_package.losses.Huber",
        "my_package.scorers.Near",
    }


def test_what_the_page_trains_names_its_teacher_and_opens_without_the_package(trained: Path) -> None:
    roles = json.loads((trained / "payload" / "roles.json").read_text(encoding="utf-8"))
    assert roles["near"]["config"]["_target_"] == "my_package.scorers.Near"
    assert open_artifact(trained).scorer("student").kind == "dual"


def test_a_saved_scorer_of_a_plugin_is_refused_without_it(trained: Path, workshop: Path) -> None:
    node = json.loads((trained / "payload" / "roles.json").read_text(encoding="utf-8"))["near"]["config"]
    payload = workshop / "copied"
    with plugins.allowed(["my_package"]):
        open_scorer(node, seed=0).save(payload / "near")
    (payload / "roles.json").write_text(json.dumps({"near": {"folder": "near", "config": node}}), encoding="utf-8")
    with pytest.raises(UserError, match=r"a class from outside needs plugins=\[my_package\]"):
        load(payload / "near")
    near = load(payload / "near", plugins=["my_package"])
    (query,), (passage,) = near.encode_queries(["red heron"]), near.encode_passages(["all about the red heron"])
    expected = -near.form["scale"] * ((query - passage) ** 2).sum()
    assert near.score([("red heron", "all about the red heron")])[0] == pytest.approx(expected, rel=1e-4)


def test_a_scorer_of_the_page_is_a_student_too(workshop: Path) -> None:
    options = ["plugins=[my_package]", "corpus=pairs", "corpus.path=pairs.tsv", "student.backbone=tiny"]
    (workshop / "my_options" / "student").mkdir()
    (workshop / "my_options" / "student" / "near.yaml").write_text("defaults: [/scorer@_here_: near]\n")
    made = retrieval_kd.run([*options, "student=near", "stage=start"], config_dir="my_options")
    assert made["start"].metrics["test"]["queries"] == 4


def test_the_page_runs_from_python(trained: Path, workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = FILES["from_python.py"]
    added = "".join(f'        "{word}",\n' for word in (*SMALL, "student.backbone=tiny", "teacher.near.backbone=tiny"))
    exec(compile(script.replace("    ],\n", f"{added}    ],\n"), "from_python.py", "exec"), {})
    output = capsys.readouterr().out
    assert "nDCG@10" in output
    assert "(1, 32)" in output
