"""A curriculum inside the training: what it sees, what it keeps over a break, what it changes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.curricula.constant import Constant
from retrieval_kd.curricula.false_negatives import FalseNegatives
from retrieval_kd.curricula.self_paced import SelfPaced
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.losses.shuffle import shuffled
from retrieval_kd.scorers.view import View
from retrieval_kd.text.run import Run
from tests.contracts.options import option
from tests.distil import training
from tests.distil.training import Ground


def taught(ground: Ground, curriculum: Any, loss: Any = "listwise_kl", steps: int = 5) -> Distiller:
    """A dual student that follows a dual teacher's lists under a curriculum."""
    teachers = {"dual": training.scorer_node(ground, "dual", pooling="cls")}
    optim = training.adamw(steps=steps, lr=1e-3)
    node = training.scorer_node(ground, "dual")
    return training.distiller(loss, node, teachers, optim=optim, taught_by=curriculum)


def filtering(**values: Any) -> FalseNegatives:
    distiller = build({**option("curriculum", "false_negatives"), "judge": "dual", **values}, "curriculum")
    assert isinstance(distiller, FalseNegatives)
    return distiller


@pytest.mark.slow
def test_a_moving_bar_survives_a_break(ground: Ground, tmp_path: Path) -> None:
    mined = Run.read(ground.candidates)

    class Broken(FalseNegatives):
        def weigh(self, batch: Any, views: Any, progress: float) -> Any:
            if batch.step == 3:
                raise KeyboardInterrupt
            return super().weigh(batch, views, progress)

    def trained(curriculum: FalseNegatives, folder: Path) -> None:
        distiller = taught(ground, curriculum)
        options = {"mine": lambda: mined, "on_new_run": lambda run: curriculum.refresh(run, ground.corpus.judgments)}
        training.train(ground, distiller, folder, save_every=1, refresh_every=2, negatives=4, **options)

    values = {key: value for key, value in option("curriculum", "false_negatives").items() if key != "_target_"}
    whole, broken, resumed = filtering(), Broken(**{**values, "judge": "dual"}), filtering()
    trained(whole, tmp_path / "whole")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        trained(broken, tmp_path / "broken")
    trained(resumed, tmp_path / "broken")
    assert whole.round.item() == resumed.round.item() == 2
    assert whole.bar.item() == resumed.bar.item() == pytest.approx(0.5 - 0.2 / 3)
    assert torch.equal(whole.seen, resumed.seen)


def test_a_control_shows_the_judge_shuffled_and_the_student_as_it_is(ground: Ground, tmp_path: Path) -> None:
    class Noting(Constant):
        judge = "dual"
        views: dict[str, View]

        def weigh(self, batch: Any, views: Any, progress: float) -> Any:
            self.__dict__["views"] = views
            return super().weigh(batch, views, progress)

    curriculum = Noting()
    node = {**training.loss_node("listwise_kl", {"dual": {}}), "shuffle": 7}
    distiller = taught(ground, curriculum, node)
    batch = training.batch(ground, distiller, tmp_path, negatives=4)
    loss = training.loss_of(distiller, batch)
    views = distiller.look(batch, distiller.objective.wants(0))
    expected = shuffled(7, views, batch)["dual"].scores
    assert torch.equal(curriculum.views["dual"].scores, expected)
    assert not torch.equal(expected, views["dual"].scores)
    plain = taught(ground, Constant(), training.loss_node("listwise_kl", {"dual": {}}))
    assert training.loss_of(plain, batch).item() != pytest.approx(loss.item())


@pytest.mark.slow
@pytest.mark.parametrize(
    "curriculum",
    [
        SelfPaced(judge="dual", first=0.0, last=0.0, schedule="linear", weighting="hard"),
        filtering(margin_first=-2.0),
    ],
    ids=["a bar of 0", "a bar above every score"],
)
def test_a_bar_that_lets_all_through_trains_as_no_curriculum_does(
    ground: Ground, tmp_path: Path, curriculum: Any
) -> None:
    distiller, plain = taught(ground, curriculum, steps=2), taught(ground, Constant(), steps=2)
    for folder, one in (("made", distiller), ("plain", plain)):
        training.train(ground, one, tmp_path / folder, negatives=4)
    one, two = training.weights(distiller), training.weights(plain)
    assert all(torch.equal(one[name], two[name]) for name in two)
