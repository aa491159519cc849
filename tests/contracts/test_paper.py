"""What the full-scale twins in conf/experiment/paper/ promise: they plan over MS MARCO's files, hold what is published,
and run to their end. Their backbones are small here: a hub id gives a random one of as many layers.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.cli.schema import register
from retrieval_kd.app.main import run
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.encoders import weights
from tests.contracts.options import CONF, file_of, groups, names
from tests.contracts.test_experiments import stages_of
from tests.house.tree import ROOT
from tests.planted import planted_backbone

TWINS = [name.removeprefix("paper/") for name in names("experiment") if name.startswith("paper/")]

pytestmark = pytest.mark.slow  # every recipe is planned several times
TOLD = {  # the published student starts as its teacher, which is trained at another scale than it teaches at
    "tct_colbert": (
        "warm_up: student is dual and starts from what teacher makes, which is late: its encoder is read, not its head "
        "of projection=128",
        "warm_up: teacher.late.scale=1.0 changes the form of what teacher makes, which has 48.0",
        "distil: teacher.late.scale=1.0 changes the form of what teacher_again makes, which has 48.0",
    ),
    "prod": (  # its cross-encoders read shorter passages in distillation than in their own training and in re-ranking
        "from_cross: teacher.cross.passage_length=142 changes the form of what ranker makes, which has 158",
        "from_bigger_cross, continue: teacher.cross.passage_length=142 changes the form of what bigger_ranker makes, "
        "which has 158",
    ),
}
DEPTHS = {"large": 24, "distil": 6, "MiniLM": 6}  # by what a hub id says; 12 otherwise
ONE_STEP = ["optim.steps=1", "optim.warmup=0.0", "optim.precision=32-true"]
ONE_STEP += ["data.queries_per_step=4", "data.queries_per_pool=null"]
MORE = {
    "lead": ["corpus.titles=titles.tsv"],
    "prod": ["corpus.titles=titles.tsv", "mining.student_window=[1,200]", "mining.teacher_window=[1,200]"],
}  # one step confuses nobody

# twin, stage, key, the paper's value (methods that were not read have none)
PUBLISHED: list[tuple[str, str, str, Any]] = [
    ("tct_colbert", "teacher", "student.scale", 48.0),
    ("tct_colbert", "teacher", "student.projection", 128),
    ("tct_colbert", "teacher", "student.normalize_query", False),
    ("tct_colbert", "teacher", "student.normalize_passage", True),
    ("tct_colbert", "teacher", "student.average", False),
    ("tct_colbert", "teacher", "optim.steps", 500000),
    ("tct_colbert", "warm_up", "teacher.late.scale", 1.0),
    ("tct_colbert", "warm_up", "teacher.late.over", "words"),
    ("tct_colbert", "warm_up", "student.pooling", "mean_words"),
    ("tct_colbert", "warm_up", "student.query_length", 36),
    ("tct_colbert", "warm_up", "student.passage_length", 154),
    ("tct_colbert", "warm_up", "student.pad_queries", True),
    ("tct_colbert", "warm_up", "student.close", False),
    ("tct_colbert", "warm_up", "loss.terms.kl.guide_temperature", 0.25),
    ("tct_colbert", "warm_up", "loss.terms.kl.learner_temperature", 1.0),
    ("tct_colbert", "distil", "data.queries_per_step", 96),
    ("tct_colbert", "distil", "data.queries_per_pool", 12),
    ("tct_colbert", "distil", "data.last", 200),
    ("tct_colbert", "distil", "optim.steps", 100000),
    ("tct_colbert", "distil", "optim.lr", 7e-6),
    ("tct_colbert", "hybrid", "ranker.alpha", None),
    ("lead", "mined", "student.join", "separator"),
    ("lead", "distil", "student.join", "separator"),
    ("lead", "teacher", "student.marker_at", "first"),
    ("lead", "distil", "teacher.late.query_marker", "[unused1]"),
    ("lead", "distil", "teacher.late.join", "separator"),
    ("ernie_search", "cascade", "student.join", "separator"),
    ("ernie_search", "cascade", "teacher.cross.join", "separator"),
    ("lead", "distil", "loss.terms.layers.pairs", 5),
    ("lead", "distil", "loss.terms.layers.every", 10),
    ("lead", "distil", "optim.clip", 2.0),
    ("lead", "distil", "optim.weight_decay", 0.0),
    ("lead", "distil", "optim.steps", 50000),
    ("lead", "distil", "teacher.late.pad_queries", True),
    ("lead", "warm_up", "optim.steps", 20000),
    ("prod", "warm_up", "optim.lr", 2e-5),
    ("prod", "warm_up", "optim.steps", 40000),
    ("prod", "warm_up", "student.layers", [0, 1, 2, 3, 4, 5]),
    ("prod", "dual", "student.layers", None),
    ("prod", "dual", "optim.steps", 10000),
    ("prod", "from_dual", "loss.terms.kl.over", "pool"),
    ("prod", "from_dual", "optim.warmup", 4000),
    ("prod", "ranker", "data.queries_per_step", 256),
    ("prod", "ranker", "optim.lr", 1e-5),
    ("prod", "start", "student.join", "separator"),
    ("prod", "reranked", "teacher.cross.join", "separator"),
    ("prod", "ranker", "student.query_length", 32),
    ("prod", "ranker", "student.passage_length", 158),
    ("prod", "bigger_ranker", "student.segments", False),
    ("prod", "bigger_ranker", "student.close", False),
    ("prod", "bigger_ranker", "student.head_dropout", 0.0),
    ("prod", "from_cross", "teacher.cross.passage_length", 142),
    ("prod", "reranked", "teacher.cross.passage_length", 158),
    ("prod", "from_cross", "data.queries_per_step", 64),
    ("prod", "from_cross", "data.negatives", 15),
    ("prod", "from_cross", "optim.lr", 5e-5),
    ("prod", "bigger_ranker", "optim.lr", 5e-6),
    ("prod", "bigger_ranker", "optim.warmup", 600),
    ("prod", "confusing", "mining.student_window", [2, 15]),
    ("prod", "continue", "data.order", "best"),
    ("prod", "continue", "optim.steps", 2000),
    ("cl_drd", "coarse", "optim.lr", 7e-6),
    ("cl_drd", "coarse", "data.queries_per_step", 8),
    ("cl_drd", "coarse", "student.shared", False),
    ("cl_drd", "finer", "optim.lr", 3e-6),
    ("cl_drd", "finest", "data.negatives", 29),
    ("margin_mse", "distil", "data.queries_per_step", 32),
]


@pytest.fixture(scope="module")
def backbones(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Path]:
    """Random backbones by their number of layers."""
    folder = tmp_path_factory.mktemp("backbones")
    return {layers: planted_backbone(folder / str(layers), planted, layers=layers, dim=16) for layers in (6, 12, 24)}


@pytest.fixture(scope="module")
def msmarco(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted collection in MS MARCO's files."""
    folder = tmp_path_factory.mktemp("msmarco")
    texts = {name: rows(planted / f"{name}.jsonl") for name in ("corpus", "queries")}
    (folder / "collection.tsv").write_text("".join(f"{name}\t{text}\n" for name, text in texts["corpus"].items()))
    (folder / "titles.tsv").write_text(
        "".join(f"{name}\t{text.split()[0]}\n" for name, text in texts["corpus"].items())
    )
    for split, file in (("train", "train"), ("dev", "dev.small")):
        judged = [line.split("\t") for line in (planted / "qrels" / f"{split}.tsv").read_text().splitlines()[1:]]
        asked = dict.fromkeys(query for query, _, _ in judged)
        (folder / f"queries.{file}.tsv").write_text("".join(f"{name}\t{texts['queries'][name]}\n" for name in asked))
        (folder / f"qrels.{file}.tsv").write_text(
            "".join(f"{query}\t0\t{passage}\t{grade}\n" for query, passage, grade in judged)
        )
    return folder


def rows(path: Path) -> dict[str, str]:
    """id → text of a file in BEIR's layout."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["_id"]: row["text"] for row in records}


@pytest.fixture(scope="module")
def words(msmarco: Path, backbones: Mapping[int, Path]) -> Iterator[list[str]]:
    """The collection and the processor, and a hub whose backbones are small."""

    def small(name: str) -> Path:
        return backbones[next((depth for part, depth in DEPTHS.items() if part in name), 12)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "_from_hub", small)
        yield [f"corpus.path={msmarco}", "machine=cpu"]


@pytest.fixture(scope="module")
def plan(request: pytest.FixtureRequest, words: list[str]) -> Plan:
    """A twin's plan, made once."""
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return checked_plan([f"experiment=paper/{request.param}", *words], Options())


@pytest.mark.parametrize("plan", TWINS, indirect=True)
def test_a_twin_plans_all_of_its_stages_and_sets_nothing_aside(plan: Plan) -> None:
    assert [stage.name for stage in plan.stages] == list(stages_of(f"paper/{plan.recipe}"))
    assert plan.left_out == ()
    notes = tuple(note for note in plan.notes if "data.unjudged=true finds no query" not in note)
    assert notes == TOLD.get(plan.recipe, ())
    assert len({stage.artifact for stage in plan.stages}) == len(plan.stages)
    assert plan.stages[-1].run == "evaluate"


@pytest.mark.parametrize("plan", TWINS, indirect=True)
def test_a_twin_is_trained_and_judged_on_ms_marco_with_no_small_backbone(plan: Plan) -> None:
    for stage in plan.stages:
        assert stage.config["corpus"]["_target_"].endswith(".MsMarco")
        assert "minilm" not in {node.get("backbone") for node in scorers(stage.config) if not node.get("checkpoint")}
    judged = [stage.config["evaluation"] for stage in plan.stages if stage.run == "evaluate"]
    assert {"RR@10", "R@1000"} <= set(judged[-1]["measures"])
    assert judged[-1]["depth"] == 1000


def scorers(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The nodes of the student and of all teachers that a stage reads."""
    return [node for node in (config.get("student"), *(config.get("teacher") or {}).values()) if node]


@pytest.mark.parametrize("plan", TWINS, indirect=True)
def test_a_published_number_stands_in_its_twin(plan: Plan) -> None:
    expected = [row for row in PUBLISHED if row[0] == plan.recipe]
    configs = {stage.name: OmegaConf.create(stage.config) for stage in plan.stages}
    planned = [(twin, stage, key, OmegaConf.select(configs[stage], key)) for twin, stage, key, _ in expected]
    assert planned == expected


def test_a_twin_plans_without_the_hub_and_runs_only_with_it(
    msmarco: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(name: str) -> Path:
        raise weights.HubUnreachable(f"backbone {name!r}: the hub did not answer")

    monkeypatch.setattr(weights, "_from_hub", away)
    words = ["experiment=paper/adam", f"corpus.path={msmarco}", "machine=cpu", f"artifacts={tmp_path / 'artifacts'}"]
    assert run([*words, "dry_run=true"]) == 0
    assert "'google-bert/bert-base-uncased': the hub did not answer: planned without" in capsys.readouterr().out
    assert run(words) == 2
    assert capsys.readouterr().err == "backbone 'google-bert/bert-base-uncased': the hub did not answer\n"
    assert not (tmp_path / "artifacts").exists()


def test_every_recipe_of_a_method_has_a_twin_that_its_record_names() -> None:
    assert set(TWINS) == {name for name in names("experiment") if not name.startswith("paper/")} - {"distil"}
    twins_by_record = {
        path.parent.name: set(re.findall(r"experiment=paper/(\w+)", path.read_text(encoding="utf-8")))
        for path in (ROOT / "experiments").glob("*/README.md")
    }
    assert {name: named for name, named in twins_by_record.items() if named} == {twin: {twin} for twin in TWINS}


@pytest.mark.parametrize("group", groups())
def test_an_option_in_a_folder_is_an_option_of_its_group(group: str) -> None:
    for name in names(group):
        text = file_of(group, name).read_text(encoding="utf-8")
        assert "/" not in name or text.startswith(f"# @package {group}\n# ")


@pytest.mark.slow
@pytest.mark.parametrize("twin", TWINS)
def test_a_twin_runs_to_its_end_with_one_step_a_training(
    twin: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = [f"experiment=paper/{twin}", *words, f"artifacts={tmp_path}"]
    assert run([*overrides, *ONE_STEP, *MORE.get(twin, [])]) == 0, capsys.readouterr().err
    trained = [json.loads(path.read_text()) for path in tmp_path.glob("train-*/metrics.json")]
    assert {metrics["steps"] for metrics in trained} == {1}
    assert len(trained) == sum(stage["run"] == "train" for stage in stages_of(f"paper/{twin}").values())
