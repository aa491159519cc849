"""Values that YAML reads otherwise, and keys that are none: taken as typed, or refused in one sentence."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.app.cli.arguments import line
from retrieval_kd.app.plan.compose_overrides import retyped
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.errors import UserError
from tests.app.conftest import write_collection

Planned = Callable[..., Plan]
Program = Callable[..., int]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["2024", "1e5", "true", "007"])
def test_a_folder_may_be_called_what_yaml_reads_otherwise(
    name: str, plan: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_collection(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    made = plan(f"corpus.path={name}", f"artifacts={name}", f"name={name}")
    assert made.stages[0].config["corpus"]["path"] == name
    assert (made.artifacts, made.recipe) == (Path(name), name)


def test_a_home_folder_is_expanded(plan: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_collection(tmp_path / "six")
    made = plan(*line(["corpus.path=~/six", "artifacts=~/made"]).overrides)
    assert made.artifacts == tmp_path / "made"
    assert made.stages[0].key == plan(f"corpus.path={tmp_path / 'six'}").stages[0].key


REFUSED = [
    ("artifacts=", "artifacts= is empty: give a text"),
    ("artifacts=null", "artifacts=null: .*give a text"),
    ("artifacts=[a]", r"artifacts=\[a\]: .*give a text"),
    ("corpus.path=", "corpus.path= is empty: give a text"),
    ("corpus.path=null", "corpus.path=null: give a text, as in 'corpus.path="),
    ("corpus.path=[a,b]", "corpus.path=.*: give a text"),
    ("optim.steps=1e3", "optim.steps=1000.0: give a whole number"),
    ("optim.steps=true", "optim.steps=true: give a whole number"),
    ("optim.lr=inf", "optim.lr=inf: give a number"),
    ("seed=1e3", "seed=1e3: .*give a whole number"),
    ("student.layers=[0,a]", "student.layers=.*each a whole number"),
    ("evaluation.measures=[]", "evaluation.measures: there is no measure"),
    ("evaluation.measures=nDCG@10", r"evaluation.measures=nDCG@10: give a list \(each a text\)"),
    ("evaluation.measures=[nDCG@0]", "cutoff=0 is below 1"),
    ("evaluation.measures=[SDCG@10]", "needs max_rel"),
    ("+surprise=1", r"\+surprise=1: there is no key surprise; there are: artifacts"),
    ("++lossy.terms=1", "there is no key lossy.terms; did you mean loss"),
    ("+at.train.surprise=1", "there is no key surprise"),
    ("++at.train.surprise=1", "there is no key surprise"),
]


@pytest.mark.parametrize(("word", "message"), REFUSED)
def test_what_cannot_be_taken_is_refused_in_one_sentence(word: str, message: str, plan: Planned) -> None:
    with pytest.raises(UserError, match=message):
        plan(word)


def mappings(node: Any, prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, dict):
            path = f"{prefix}{key}"
            yield path
            yield from mappings(value, f"{path}.")


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        (),
        ("teacher=cascade", "loss=cascade", "student.dropout=0.1"),
        ("teacher=ensemble", "loss=listwise_kl", "data=dark", "ranker=hybrid", "curriculum=self_paced"),
        ("tracking=wandb", "experiment=prod"),
    ],
)
def test_a_key_that_nothing_has_is_refused_wherever_it_stands(choices: tuple[str, ...], plan: Planned) -> None:
    whole = plan(*choices).stages[-1].whole
    places = [path for path in mappings(whole) if not path.startswith(("at", "stages"))]
    assert {"loss.terms", "machine", "evaluation", "optim", "corpus", "student", "teacher"} <= set(places)
    for place in places:
        with pytest.raises(UserError, match="surprise"):  # noqa: PT012 (which place it was)
            plan(*choices, f"+{place}.surprise=1")
            pytest.fail(f"{place}.surprise is taken")


def test_measures_with_brackets_and_quotes_come_through_the_grammar(plan: Planned) -> None:
    made = plan("evaluation.measures=[nDCG@10,\"nDCG(dcg='exp-log2')@10\",ERR@10]")
    measures = made.named("student").config["evaluation"]["measures"]
    assert measures == ["nDCG@10", "nDCG(dcg='exp-log2')@10", "ERR@10"]


def test_a_sweeper_is_given_texts_in_quotes(options: Options, corpus: list[str]) -> None:
    words = ["artifacts=1e5", "optim.lr=1e-5", "name=true", "seed=0,1", "student.checkpoint=2024"]
    job = [word for word in words if "," not in word]
    assert retyped(words, [*corpus, *job], options) == [
        'artifacts="1e5"',
        "optim.lr=1e-5",
        'name="true"',
        "seed=0,1",
        'student.checkpoint="2024"',
    ]


def test_a_folder_of_options_may_lie_at_home(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own" / "loss").mkdir(parents=True)
    assert program("--config-dir=~/own", "dry_run=true") == 0
    assert program("--config-dir", "~/own", "dry_run=true") == 0


def test_a_measure_that_the_grades_do_not_allow_is_refused_before_anything_is_made(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_collection(tmp_path / "graded")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq4\tp4\t5\n", encoding="utf-8")
    assert program(f"corpus.path={folder}", "evaluation.measures=[ERR@10]") == 2
    assert "ERR@10 is computed by TREC's gdeval, which takes grades up to 4, and 'p4' has 5" in capsys.readouterr().err
    assert not (tmp_path / "artifacts").exists()
