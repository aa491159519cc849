"""Every option of a loss, a curriculum and lists: flipped, it changes what is learnt, or is declared unread."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.errors import InstantiationException

from retrieval_kd.app.check.training import want_problems
from retrieval_kd.app.check.unread_options import declared_unread, unread_across_groups
from retrieval_kd.app.check.unread_training import unread_groups
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.roles import with_roles_named
from retrieval_kd.app.plan.signatures import parameters
from retrieval_kd.app.plan.stage_kinds import KINDS
from retrieval_kd.errors import UserError
from tests.contracts.crosses import ELSE, FITS
from tests.contracts.flips import flipped
from tests.contracts.options import names, option
from tests.contracts.test_pairings import alone, teachers_of
from tests.distil import training
from tests.distil.training import Ground

pytestmark = pytest.mark.slow

Node = dict[str, Any]
ELSEWHERE = {"learner", "guide", "judge", "terms", "tied", "echoes", "largest_of", "dark", "groups", "weight"}
FAR = {  # of a run of two steps over lists of ten: flips that lie beyond it
    "data.unjudged": "the planted collection has no query without judgments",
    "data.positive": "each planted query has one judged passage",
    "data.candidates": "a file",
    "data.queries_per_step": "checked for division elsewhere",
    "data.refresh_every": "needs a trainer: tests/distil/test_datamodule.py",
    "data.further": "windows: tests/batch",
    **dict.fromkeys(
        ("loss.pairs", "loss.choose", "loss.every", "loss.seed"), "two layers: tests/losses/test_layer_kl.py"
    ),
    "loss.beta": "one negative leaves no rest: tests/losses/test_decoupled_kl.py",
    "data.start": "the train stage tells it to the lists: tests/app/stages/test_train.py",
    "data.last": "the planted lists end before",
    "curriculum.last": "needs a trainer's progress: tests/curricula",
    "curriculum.schedule": "needs a trainer's progress: tests/curricula",
    "curriculum.probability": "an untaught judge drops the same by both: tests/curricula",
    "curriculum.margin_first": "an untaught judge drops the same: tests/curricula",
    "curriculum.keep_at_least": "more than the planted lists drop",
}


def flips(group: str, node: Mapping[str, Any], at: str) -> Iterator[tuple[str, Any]]:
    """(key, another value) of a node and of the terms inside it."""
    known = parameters(str(node["_target_"])) or {}
    for key, value in node.items():
        if key not in ELSEWHERE and f"{group}.{key}" not in FAR:
            yield from ((f"{at}.{key}", other) for other in flipped(value, known.get(key)))
    for name, term in node.get("terms", {}).items():
        yield from flips(group, term, f"{at}.terms.{name}")


def config_of(ground: Ground, loss: str, curriculum: str, data: str) -> Node:
    """The groups of a training over the small backbone."""
    teachers = teachers_of(FITS.get(loss, ELSE), "dual")
    own = {"backbone": str(ground.backbone), "layers": None, "word_attention": True, "dropout": 0.1}
    on = {
        role: {**node, **{key: value for key, value in own.items() if key in node}}
        for role, node in {"student": option("student", "dual"), **teachers}.items()
    }
    lists = {**option("data", data), "candidates": str(ground.candidates), "queries_per_step": 4, "last": 8}
    lists["negatives"] = 3 if lists["negatives"] else 0
    chosen = {"loss": option("loss", loss), "curriculum": option("curriculum", curriculum), "data": lists}
    student = on.pop("student")
    whole = {"student": student, "teacher": on, **chosen, "optim": option("optim", "adamw")}
    return with_roles_named(whole)


def learnt(ground: Ground, config: Node, folder: Path) -> list[float]:
    """Losses and gradients of two steps."""
    optim = training.adamw()
    taught_by, teachers = build(config["curriculum"], "curriculum"), config["teacher"]
    made = training.distiller(config["loss"], config["student"], teachers, optim=optim, taught_by=taught_by)
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.scorer("student").parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=chance))
    made.train()
    collate = training.lists(ground, made, folder, **config["data"]).collate()
    losses = []
    for step in (0, 1, 13):
        loss = training.loss_of(made, collate(step))
        loss.backward()
        losses.append(loss.item())
    return [*losses, *(float(value.grad.norm()) for value in made.parameters() if value.grad is not None)]


def with_value(config: Node, key: str, value: Any) -> Node:
    """The config with one other value."""
    name, _, rest = key.partition(".")
    return {**config, name: with_value(config[name], rest, value) if rest else value}


def silent(ground: Ground, config: Node, group: str, folder: Path) -> list[str]:
    """The flips of a group that change nothing and are not declared unread."""
    before, unnoticed = learnt(ground, config, folder), []
    for key, value in flips(group, config[group], group):
        changed = with_value(config, key, value)
        try:
            if list(want_problems(build(changed["loss"], "loss"), changed)) or list(unread_groups(changed)):
                continue  # refused
            unread = {
                name
                for name, _ in (
                    *declared_unread(changed, key),
                    *unread_across_groups(KINDS["train"], changed),
                    *unread_groups(changed),
                )
            }
            if not any(key == name or key.startswith(f"{name}.") for name in unread):
                unnoticed += [f"{key}={value}"] if learnt(ground, changed, folder) == before else []
        except (UserError, InstantiationException):
            continue  # refused
    return unnoticed


def curriculum_for(loss: str) -> str:
    """A curriculum that paces where a teacher is there to judge."""
    return "self_paced" if len(teachers_of(FITS.get(loss, ELSE), "dual")) == 1 else "constant"


@pytest.mark.parametrize("loss", names("loss"))
def test_every_option_of_a_loss_changes_what_is_learnt_or_is_declared_unread(
    loss: str, ground: Ground, tmp_path: Path
) -> None:
    assert not silent(ground, config_of(ground, loss, curriculum_for(loss), "sampled"), "loss", tmp_path)


@pytest.mark.parametrize("curriculum", names("curriculum"))
@pytest.mark.parametrize("loss", ["listwise_kl", "rank_groups", "contrastive_list"])
def test_every_option_of_a_curriculum_changes_what_is_learnt_or_is_declared_unread(
    curriculum: str, loss: str, ground: Ground, tmp_path: Path
) -> None:
    assert not silent(ground, config_of(ground, loss, curriculum, "sampled"), "curriculum", tmp_path)


@pytest.mark.parametrize("data", alone("data"))
@pytest.mark.parametrize("loss", ["listwise_kl", "rank_groups", "contrastive"])
def test_every_option_of_lists_changes_what_is_learnt_or_is_declared_unread(
    data: str, loss: str, ground: Ground, tmp_path: Path
) -> None:
    assert not silent(ground, config_of(ground, loss, "constant", data), "data", tmp_path)


@pytest.mark.parametrize(
    "loss", ["aligned", "contrastive", "contrastive_list", "listwise_kl", "margin_mse", "rank_groups"]
)
def test_a_curriculum_and_dark_examples_change_what_is_learnt_or_are_refused(
    loss: str, ground: Ground, tmp_path: Path
) -> None:
    plain, silent = learnt(ground, config_of(ground, loss, "constant", "sampled"), tmp_path), []
    others = [(name, "sampled") for name in names("curriculum") if name != "constant"] + [("constant", "dark")]
    for curriculum, data in others:
        config = config_of(ground, loss, curriculum, data)
        judged = config["curriculum"].get("judge", "student") in ("student", *config["teacher"])
        if judged and not list(unread_groups(config)) and learnt(ground, config, tmp_path) == plain:
            silent.append((curriculum, data))
    assert not silent
