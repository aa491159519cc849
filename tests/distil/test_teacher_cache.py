"""What a frozen teacher made of a text is made once, and the training is the same."""

from pathlib import Path

import pytest
import torch

from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.distil.teacher_cache import TeacherCache
from tests.distil import training
from tests.distil.training import Ground


def distiller(ground: Ground, teacher: str, loss: str, teacher_cache: TeacherCache | None) -> Distiller:
    module = training.distiller(
        loss, training.scorer_node(ground, "dual"), {teacher: training.scorer_node(ground, teacher)}
    )
    module.teacher_cache = teacher_cache or TeacherCache()
    module.train()
    return module


@pytest.mark.slow
@pytest.mark.parametrize(("teacher", "loss"), [("cross", "listwise_kl"), ("dual", "aligned")])
def test_a_second_step_over_the_same_texts_asks_the_frozen_teacher_nothing(
    teacher: str, loss: str, ground: Ground, tmp_path: Path
) -> None:
    plain = distiller(ground, teacher, loss, None)
    batch = training.batch(ground, plain, tmp_path / "plain")
    wanted = training.loss_of(plain, batch)
    everything = plain.count.computed

    first = distiller(ground, teacher, loss, TeacherCache(tmp_path / "memory"))
    torch.testing.assert_close(training.loss_of(first, batch), wanted)
    assert first.count.computed == everything
    first.teacher_cache.write()

    second = distiller(ground, teacher, loss, TeacherCache(tmp_path / "memory"))
    torch.testing.assert_close(training.loss_of(second, batch), wanted)
    assert 0 < second.count.computed < everything  # the student's own texts


def test_what_learns_is_never_recalled(ground: Ground, tmp_path: Path) -> None:
    module = distiller(ground, "late", "layers", TeacherCache(tmp_path / "memory"))
    batch = training.batch(ground, module, tmp_path / "lists")
    training.loss_of(module, batch).backward()
    module.teacher_cache.write()
    assert not list(tmp_path.glob("memory/*/*"))
    assert all(value.grad is not None for value in module.scorer("late").parameters() if value.requires_grad)


@pytest.mark.slow
@pytest.mark.parametrize("other", [{"scale": 10.0}, {"pooling": "cls"}])
def test_another_way_of_scoring_is_not_recalled(other: dict[str, object], ground: Ground, tmp_path: Path) -> None:
    losses = []
    for folder, values in ((None, other), (tmp_path / "memory", {}), (tmp_path / "memory", other)):
        node = training.scorer_node(ground, "cross", **values)
        module = training.distiller("listwise_kl", training.scorer_node(ground, "dual"), {"cross": node})
        module.teacher_cache = TeacherCache(folder)
        losses.append(training.loss_of(module, training.batch(ground, module, tmp_path / "lists")).item())
        module.teacher_cache.write()
    assert losses[2] == pytest.approx(losses[0])
    assert losses[1] != pytest.approx(losses[0])


def test_other_weights_have_a_memory_of_their_own(ground: Ground, tmp_path: Path) -> None:
    for change in (0.0, 0.1):
        module = distiller(ground, "cross", "listwise_kl", TeacherCache(tmp_path / "memory"))
        with torch.no_grad():
            for parameter in module.scorer("cross").parameters():
                parameter.add_(change)
        batch = training.batch(ground, module, tmp_path / f"lists-{change}")
        training.loss_of(module, batch)
        module.teacher_cache.write()
    assert len(list((tmp_path / "memory").iterdir())) == 2
