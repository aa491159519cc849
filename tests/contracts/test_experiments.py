"""What every recipe promises, asked of all files in conf/experiment/ as they come: it composes and it plans."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.cli.schema import register
from retrieval_kd.app.main import run
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage_kinds import KINDS
from retrieval_kd.encoders import weights
from tests.contracts.options import CONF, file_of, names
from tests.planted import planted_backbone

HERE = [name for name in names("experiment") if not name.startswith("paper/")]
SHARED = ("lexical", "warm_up", "start", "mined", "ranker", "late", "more", "taught", "teacher_on_start")
OF_THEIR_OWN = {"tct_colbert": {"warm_up"}, "distil": set(SHARED) - {"lexical"}}  # stages of such a name
NAMED = {"student", "teacher", "loss", "curriculum", "data"}  # what a stage that trains a teacher must choose itself

pytestmark = pytest.mark.slow  # every recipe is planned several times


@pytest.fixture(scope="module")
def six_layers(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone as deep as the default one."""
    return planted_backbone(tmp_path_factory.mktemp("six"), planted, layers=6, dim=16)


@pytest.fixture
def words(planted: Path, six_layers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The planted collection, with the default backbone made small."""
    monkeypatch.setattr(weights, "_minilm", lambda: six_layers)
    return ["corpus=beir", f"corpus.path={planted}", f"artifacts={tmp_path / 'artifacts'}"]


@pytest.fixture
def options() -> Iterator[Options]:
    """The option files, composed by Hydra."""
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield Options()


def recipe(name: str) -> dict[str, object]:
    content = yaml.safe_load(file_of("experiment", name).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


@cache
def stages_of(name: str) -> dict[str, Any]:
    """The stages of a recipe, those of the parts that it names among them, as written."""
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        stages = OmegaConf.to_container(Options().compose([f"experiment={name}"]).stages, resolve=False)
    assert isinstance(stages, dict)
    return {str(stage): entry for stage, entry in stages.items()}


@pytest.mark.parametrize("stage", SHARED)
def test_what_recipes_share_is_written_alike(stage: str) -> None:
    recipes_by_stage: dict[str, list[str]] = {}
    for name in HERE:
        stages = stages_of(name)
        if stage in stages and stage not in OF_THEIR_OWN.get(name, ()):
            recipes_by_stage.setdefault(str((stages[stage]["run"], stages[stage]["with"])), []).append(name)
    assert len(recipes_by_stage) == 1, recipes_by_stage
    assert len(next(iter(recipes_by_stage.values()))) > 1


def planned(name: str, words: list[str], options: Options) -> Plan:
    return checked_plan([f"experiment={name}", *words], options)


@pytest.mark.parametrize("name", names("experiment"))
def test_a_recipe_composes_and_holds_choices_and_stages_and_no_values(name: str, options: Options) -> None:
    config = options.compose([f"experiment={name}"])
    assert config.name == name.rpartition("/")[2]
    assert set(recipe(name)) <= {"defaults", "name", "stages"}
    assert {stage["run"] for stage in config.stages.values()} <= set(KINDS)
    assert file_of("experiment", name).read_text(encoding="utf-8").startswith("# @package _global_\n# ")


@pytest.mark.parametrize("name", HERE)
def test_a_recipe_plans_all_of_its_stages_or_says_why_not(name: str, words: list[str], options: Options) -> None:
    stages = list(options.compose([f"experiment={name}"]).stages)
    plan = planned(name, words, options)
    assert {stage.name for stage in plan.stages} | {left.name for left in plan.left_out} == set(stages)
    assert [stage.name for stage in plan.stages] == [name for name in stages if name in {s.name for s in plan.stages}]
    assert all(left.why for left in plan.left_out)
    assert plan.stages[-1].run == "evaluate"
    assert len({stage.artifact for stage in plan.stages}) == len(plan.stages)
    assert [note for note in plan.notes if "data.unjudged=true finds no query" not in note] == []


@pytest.mark.parametrize("name", names("experiment"))
def test_a_stage_that_trains_a_teacher_names_every_group_itself(name: str) -> None:
    stages = stages_of(name)
    for stage in stages.values():
        chosen = {word.partition("=")[0] for word in stage.get("with", [])}
        assert stage["run"] != "train" or "student" not in chosen or chosen >= NAMED


@pytest.mark.parametrize("name", HERE)
def test_the_same_words_plan_the_same_keys_and_more_steps_other_trainings(
    name: str, words: list[str], options: Options
) -> None:
    keys = {stage.name: stage.key for stage in planned(name, words, options).stages}
    assert {stage.name: stage.key for stage in planned(name, words, options).stages} == keys
    elsewhere = planned(name, [*words, "machine=cpu", "save_every=7", "tracking=wandb"], options)
    assert {stage.name: stage.key for stage in elsewhere.stages} == keys
    longer = planned(name, [*words, "optim.steps=999"], options).stages
    trained = {stage.name for stage in longer if stage.run == "train"}
    assert trained
    assert trained <= {stage.name for stage in longer if stage.key != keys[stage.name]}


@pytest.mark.parametrize("name", HERE)
def test_a_dry_run_prints_the_plan_and_leaves_nothing_behind(
    name: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([f"experiment={name}", *words, "dry_run=true"]) == 0
    output = capsys.readouterr().out
    assert f"plan of {name}" in output
    assert output.count("to make") >= 2
    assert not (tmp_path / "artifacts").exists()
