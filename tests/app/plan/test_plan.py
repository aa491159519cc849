"""Keys: what they depend on, and what they do not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import descendants
from retrieval_kd.errors import UserError
from tests.app.conftest import write_collection

Planned = Callable[..., Plan]


def keys(plan: Plan) -> dict[str, str]:
    return {stage.name: stage.key for stage in plan.stages}


@pytest.mark.slow
def test_a_key_is_64_hexadecimal_digits_and_stays_the_same(plan: Planned) -> None:
    assert keys(plan()) == keys(plan())
    assert all(len(key) == 64 and int(key, 16) for key in keys(plan()).values())


def test_machine_tracking_and_what_is_done_with_a_plan_are_outside_the_key(plan: Planned) -> None:
    other = ("machine=cpu", "machine.devices=2", "tracking=wandb", "save_every=7", "artifacts=elsewhere", "name=mine")
    assert keys(plan(*other)) == keys(plan())


def test_a_seed_enters_training_and_no_evaluation_of_what_is_not_trained(plan: Planned) -> None:
    zero, one = keys(plan()), keys(plan("seed=1"))
    assert zero["train"] != one["train"]
    assert zero["student"] != one["student"]
    assert (zero["bm25"], zero["start"]) == (one["bm25"], one["start"])


@pytest.mark.slow
def test_a_teacher_that_nobody_reads_is_outside_the_key(plan: Planned) -> None:
    read_by_none = plan("teacher=colbert", "loss=contrastive")
    assert keys(read_by_none)["train"] == keys(plan("teacher=none", "loss=contrastive"))["train"]


def test_a_ranker_of_words_reads_no_student(plan: Planned) -> None:
    assert keys(plan("student.layers=[0,5]"))["bm25"] == keys(plan())["bm25"]
    assert keys(plan("student.layers=[0,5]"))["start"] != keys(plan())["start"]


@pytest.mark.slow
def test_a_precision_enters_what_encodes_outside_training_and_nothing_else(plan: Planned) -> None:
    plain, same, half = keys(plan()), keys(plan("precision=null")), keys(plan("precision=bf16-mixed"))
    assert plain == same
    assert {name for name in plain if plain[name] == half[name]} == {"bm25"}, "the others encode, or read who did"
    assert {stage.run for stage in plan("precision=bf16-mixed").stages if "precision" in stage.config} == {
        "mine",
        "evaluate",
    }
    with pytest.raises(UserError, match="precision=fp16: give bf16-mixed, 16-mixed, or null for float32"):
        plan("precision=fp16")
    with pytest.raises(UserError, match=r"\+at\.train\.precision=bf16-mixed has no effect: train does not use it"):
        plan("+at.train.precision=bf16-mixed")


def test_a_change_reaches_the_keys_of_all_that_descends(plan: Planned) -> None:
    before, after = keys(plan()), keys(plan("optim.lr=0.01"))
    assert {name for name in before if before[name] != after[name]} == {"train", "student", "teacher"}


@pytest.mark.slow
def test_recipes_share_the_stages_that_read_the_same(plan: Planned) -> None:
    mine, theirs = keys(plan("experiment=tct_colbert")), keys(plan("experiment=ernie_search"))
    assert mine["lexical"] == theirs["lexical"]
    assert keys(plan("experiment=ladder"))["lexical"] == mine["lexical"]


def test_a_collection_enters_by_its_content_and_not_by_its_place(options: Options, tmp_path: Path) -> None:
    def made(folder: Path) -> dict[str, str]:
        return keys(checked_plan(["corpus=beir", f"corpus.path={folder}"], options))

    here, there = write_collection(tmp_path / "here" / "six"), write_collection(tmp_path / "there" / "six")
    assert made(here) == made(there)
    with open(there / "corpus.jsonl", "a", encoding="utf-8") as file:
        file.write('{"_id": "p6", "title": "", "text": "one more"}\n')
    assert not set(made(here).values()) & set(made(there).values())


@pytest.mark.slow
def test_a_given_run_enters_by_its_content(plan: Planned, tmp_path: Path) -> None:
    first, second = tmp_path / "first.trec", tmp_path / "second.trec"
    first.write_text("q0 Q0 p1 1 1.0 given\n")
    shutil.copy(first, second)
    assert keys(plan(f"data.candidates={first}")) == keys(plan(f"data.candidates={second}"))
    second.write_text("q0 Q0 p2 1 1.0 given\n")
    assert keys(plan(f"data.candidates={first}"))["train"] != keys(plan(f"data.candidates={second}"))["train"]


@pytest.mark.slow
def test_a_file_of_scores_enters_by_its_content_and_how_it_is_read_enters_too(plan: Planned, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tsv", tmp_path / "second.tsv"
    first.write_text("2\t1\tq0\tp0\tp1\n")
    shutil.copy(first, second)

    def key(path: Path, *words: str) -> str:
        asked = ("teacher=stored", f"teacher.stored.file={path}", "loss=margin_mse", *words)
        return keys(plan(*asked))["train"]

    assert key(first) == key(second)
    assert key(first) != key(first, "teacher.stored.given=probabilities")
    second.write_text("3\t1\tq0\tp0\tp1\n")
    assert key(first) != key(second)


@pytest.mark.slow
def test_a_given_checkpoint_enters_by_its_content(plan: Planned, tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        (folder / "config.json").write_text('{"num_hidden_layers": 6}')
        (folder / "model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
        (folder / "tokenizer.json").write_text("{}")
    starts = [f"student.checkpoint={folder}" for folder in folders]
    assert keys(plan(starts[0])) == keys(plan(starts[1]))
    other = tmp_path / "third"
    shutil.copytree(folders[0], other)
    (other / "model.safetensors").write_bytes(b"\x1a" + bytes(7) + b'{"__metadata__":{"a":"1"}}')
    assert keys(plan(f"student.checkpoint={other}"))["start"] != keys(plan(starts[0]))["start"]


def test_what_descends_from_a_stage_is_what_reads_it_directly_or_not(plan: Planned) -> None:
    made = plan("experiment=ladder")
    assert [stage.name for stage in descendants(made.stages, "warm_up")] == ["warm_up", "distil", "evaluate"]


def test_a_stage_reads_only_what_stands_before_it(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"stage train reads \$\{artifact:studnt\}, no stage before it"):
        plan("+at.train.data.candidates='${artifact:studnt}'")


def test_an_artifact_is_named_by_verb_and_key(plan: Planned) -> None:
    stage = plan().named("train")
    assert stage.artifact == f"train-{stage.key[:16]}"
