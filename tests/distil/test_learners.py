"""Who learns is read off the arrows."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.distil.states import newest
from tests.contracts.options import option
from tests.distil import training
from tests.distil.training import Ground


class Watching(Distiller):
    """Notes which roles, and which encoders, are in training mode during each step."""

    def training_step(self, batch: Any, _: int = 0) -> Tensor:
        self.seen = {role: scorer.training for role, scorer in self.scorers.items()}
        self.encoding = {
            role: {encoder.training for encoder in self.scorer(role).encoders().values()} for role in self.scorers
        }
        self.dropping = {role: any(part.training for part in scorer.modules()) for role, scorer in self.scorers.items()}
        return super().training_step(batch)


def changed(distiller: Distiller, before: dict[str, Tensor]) -> set[str]:
    """The roles of which some parameter is no longer what it was."""
    after = training.weights(distiller)
    return {name.split(".")[1] for name in before if not torch.equal(before[name], after[name])}


def unchanged_parts(distiller: Distiller, before: dict[str, Tensor], role: str) -> list[str]:
    """The parameters of a role that are bit for bit what they were."""
    after = training.weights(distiller)
    return [name for name in before if name.startswith(f"scorers.{role}.") and torch.equal(before[name], after[name])]


def test_three_steps_change_every_parameter_of_the_learner_and_no_bit_of_a_frozen_guide(
    ground: Ground, tmp_path: Path
) -> None:
    late = training.scorer_node(ground, "late", projection=8)
    distiller = training.distiller(
        "tight_coupling", training.scorer_node(ground, "dual"), {"late": late}, kind=Watching
    )
    before = training.weights(distiller)
    training.train(ground, distiller, tmp_path)
    assert changed(distiller, before) == {"student"}
    # (a word or a position that no text has decays all the same)
    assert unchanged_parts(distiller, before, "student") == []


def test_a_student_of_its_teachers_width_learns_its_own_projection_which_it_serves_and_no_further_map(
    ground: Ground, tmp_path: Path
) -> None:
    student = training.scorer_node(ground, "dual", projection=12, normalize=False)
    distiller = training.distiller("aligned", student, {"dual": training.scorer_node(ground, "dual", projection=12)})
    before = training.weights(distiller)
    training.train(ground, distiller, tmp_path)
    assert list(distiller.objective.parameters()) == []
    head = [name for name in before if name.startswith("scorers.student.") and before[name].shape == (12, 32)]
    assert head
    assert not any(name in unchanged_parts(distiller, before, "student") for name in head)


def test_a_frozen_guide_stays_in_eval_mode_while_the_student_trains(ground: Ground, tmp_path: Path) -> None:
    late = training.scorer_node(ground, "late", dropout=0.1)
    distiller = training.distiller(
        "tight_coupling", training.scorer_node(ground, "dual"), {"late": late}, kind=Watching
    )
    training.train(ground, distiller, tmp_path)
    assert distiller.seen == {"student": True, "late": False}
    assert distiller.dropping == {"student": True, "late": False}


def test_a_teacher_that_a_term_names_as_learner_learns_as_well(ground: Ground, tmp_path: Path) -> None:
    node = training.loss_node("tight_coupling", {})
    terms = node["terms"] | {"late": training.loss_node("self_otf", {})["terms"]["late_contrastive"]}
    teachers = {"late": training.scorer_node(ground, "late", projection=8)}
    distiller = training.distiller(
        {**node, "terms": terms}, training.scorer_node(ground, "dual"), teachers, kind=Watching
    )
    before = training.weights(distiller)
    training.train(ground, distiller, tmp_path)
    assert changed(distiller, before) == {"student", "late"}
    assert distiller.seen == {"student": True, "late": True}


@pytest.mark.slow
def test_detach_guide_false_lets_the_step_move_a_learning_guide_through_its_guidance(
    ground: Ground, tmp_path: Path
) -> None:
    def gradient(detach: bool) -> Tensor:
        node = training.loss_node("tight_coupling", {})
        judged = {**training.loss_node("self_otf", {})["terms"]["late_contrastive"], "weight": 1e-30}
        terms = {"kl": {**node["terms"]["kl"], "detach_guide": detach}, "late": judged}
        teachers = {"late": training.scorer_node(ground, "late")}
        distiller = training.distiller({**node, "terms": terms}, training.scorer_node(ground, "dual"), teachers)
        training.loss_of(distiller, training.batch(ground, distiller, tmp_path)).backward()
        gradients = [
            value.grad.abs().sum() for value in distiller.scorer("late").parameters() if value.grad is not None
        ]
        return torch.stack(gradients).sum()

    assert gradient(True).item() < 1e-20
    assert gradient(False).item() > 1e-3


def test_a_guide_that_nobody_names_as_learner_may_not_be_moved(ground: Ground) -> None:
    node = training.loss_node("tight_coupling", {})
    terms = {"kl": {**node["terms"]["kl"], "detach_guide": False}}
    with pytest.raises(Exception, match=r"detach_guide=false moves late, which no term names as learner"):
        training.objective({**node, "terms": terms}, {"late": {}})


def tied(ground: Ground, **optim: Any) -> Distiller:
    """Self on-the-fly distillation: a dual student and a late head with a projection of its own."""
    student = training.scorer_node(ground, "dual", dropout=0.1)
    late = training.scorer_node(ground, "late", projection=8)
    aim = training.distiller("self_otf", student, {"late": late}, optim=training.adamw(**optim), kind=Watching)
    assert isinstance(aim, Watching)
    return aim


def test_tied_roles_read_through_one_encoder_object_and_keep_their_own_heads(ground: Ground) -> None:
    distiller = tied(ground)
    student, late = distiller.scorer("student"), distiller.scorer("late")
    assert student.encoder_of("passage") is late.encoder_of("passage")
    assert student.encoder_of("query") is late.encoder_of("query")
    assert student.head() is not late.head()


def test_a_tied_encoder_is_in_the_optimiser_once_under_its_owner(ground: Ground) -> None:
    distiller = tied(ground, learners={"late": {"lr": 7e-5}})
    optimizer = distiller.configure_optimizers()["optimizer"]
    held = [id(value) for group in optimizer.param_groups for value in group["params"]]
    assert len(held) == len(set(held))
    assert set(held) == {id(value) for value in distiller.parameters() if value.requires_grad}
    encoder = {id(value) for value in distiller.scorer("student").encoder_of("query").parameters()}
    lrs = {
        group["initial_lr"] for group in optimizer.param_groups if encoder & {id(value) for value in group["params"]}
    }
    assert lrs == {2e-4}
    head = distiller.scorer("late").head()
    assert head is not None
    own = {id(value) for value in head.parameters()}
    assert {g["initial_lr"] for g in optimizer.param_groups if own & {id(v) for v in g["params"]}} == {7e-5}


def test_a_shared_encoder_that_learns_is_in_training_mode(ground: Ground, tmp_path: Path) -> None:
    distiller = tied(ground)
    before = training.weights(distiller)
    training.train(ground, distiller, tmp_path)
    assert distiller.encoding == {"student": {True}, "late": {True}}
    assert changed(distiller, before) == {"student", "late"}


def test_an_encoder_that_a_learner_owns_trains_though_a_frozen_role_reads_through_it(ground: Ground) -> None:
    node = training.loss_node("self_otf", {})
    terms = {name: term for name, term in node["terms"].items() if name != "late_contrastive"}
    teachers = {"late": training.scorer_node(ground, "late", projection=8)}
    distiller = training.distiller(
        {**node, "terms": terms}, training.scorer_node(ground, "dual", dropout=0.1), teachers
    )
    distiller.train()
    assert distiller.scorer("student").encoder_of("query").training
    head = distiller.scorer("late").head()
    assert head is not None
    assert not head.training
    assert not any(value.requires_grad for value in head.parameters())
    assert all(value.requires_grad for value in distiller.scorer("late").encoder_of("query").parameters())
    distiller.eval()
    assert not any(part.training for part in distiller.modules())


def test_a_role_that_learns_does_not_move_the_encoder_of_an_owner_that_does_not(ground: Ground, tmp_path: Path) -> None:
    node = training.loss_node("self_otf", {})
    terms = {"late": node["terms"]["late_contrastive"]}
    teachers = {"late": training.scorer_node(ground, "late", projection=8)}
    distiller = training.distiller({**node, "terms": terms}, training.scorer_node(ground, "dual"), teachers)
    before = training.weights(distiller)
    training.train(ground, distiller, tmp_path)
    assert changed(distiller, before) == {"late"}
    assert {name.split(".")[2] for name, value in distiller.named_parameters() if value.requires_grad} == {"projection"}


def test_only_what_learns_is_written_into_a_checkpoint(ground: Ground, tmp_path: Path) -> None:
    distiller = training.distiller(
        "tight_coupling", training.scorer_node(ground, "dual"), {"late": training.scorer_node(ground, "late")}
    )
    training.train(ground, distiller, tmp_path, save_every=2)
    state = torch.load(newest(tmp_path, tell=print), weights_only=True)["state_dict"]
    assert {name.split(".")[1] for name in state if name.startswith("scorers.")} == {"student"}


def asymmetric(ground: Ground, **terms: Any) -> Distiller:
    """A student with a query tower alone, over a dual teacher's passages."""
    student = {**option("student", "asymmetric"), "backbone": str(ground.backbone), "layers": [1], "dropout": 0.1}
    teachers = {"dual": training.scorer_node(ground, "dual", dropout=0.1)}
    node = training.loss_node("listwise_kl", teachers)
    distiller = training.distiller({**node, "terms": {**node["terms"], **terms}}, student, teachers, kind=Watching)
    assert isinstance(distiller, Watching)
    return distiller


def test_a_query_tower_learns_over_passages_that_stay_their_frozen_owners(ground: Ground, tmp_path: Path) -> None:
    distiller = asymmetric(ground)
    student = distiller.scorer("student")
    assert student.encoder_of("passage") is distiller.scorer("dual").encoder_of("passage")
    before = training.weights(distiller)
    training.train(ground, distiller, tmp_path)
    after = training.weights(distiller)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {".".join(name.split(".")[1:3]) for name in moved} == {"student.tower"}
    assert {name for name, _ in distiller.owned()["student"]} == {name.split(".", 2)[2] for name in moved}
    assert student.encoder_of("query").training
    assert not student.encoder_of("passage").training


def test_passages_that_a_learning_teacher_reads_learn_through_the_query_tower(ground: Ground, tmp_path: Path) -> None:
    term = {**training.loss_node("listwise_kl", {})["terms"]["contrastive"], "learner": "dual"}
    distiller = asymmetric(ground, teaching=term)
    owned = {role: {id(value) for _, value in named} for role, named in distiller.owned().items()}
    assert owned["dual"] == {id(value) for value in distiller.scorer("dual").parameters()}
    assert not owned["dual"] & owned["student"]
    distiller.train()
    assert distiller.scorer("student").encoder_of("passage").training

    def gradient(weight: float) -> float:
        distiller.zero_grad()
        for name in distiller.objective.terms:
            distiller.objective.terms[name].weight = weight if name == "contrastive" else 1e-30
        training.loss_of(distiller, training.batch(ground, distiller, tmp_path)).backward()
        return sum(
            float(value.grad.abs().sum()) for value in distiller.scorer("dual").parameters() if value.grad is not None
        )

    assert gradient(1.0) > 1e-3 > gradient(1e-30)
