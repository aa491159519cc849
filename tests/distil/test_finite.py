"""A loss or a gradient that is not finite is caught at its step: named, kept and run again, or skipped and counted."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.distil.fit import fit
from retrieval_kd.distil.reproducer import FailedSteps, read_step
from retrieval_kd.errors import UserError
from retrieval_kd.losses.contrastive import Contrastive
from retrieval_kd.losses.objective import Objective
from retrieval_kd.scorers.view import View
from tests.distil import training
from tests.distil.training import Ground

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")


class Spoilt(Contrastive):
    """Wrong at the second step alone: its loss is not a number, or only its gradient."""

    gradient_alone = False

    def forward(self, views: Mapping[str, View], batch: Candidates) -> Tensor:
        loss = super().forward(views, batch)
        if batch.step != 1:
            return loss
        return loss + (0 * loss).sqrt() if self.gradient_alone else loss * torch.nan


class SpoiltGradient(Spoilt):
    gradient_alone = True


def made(ground: Ground, term: type[Spoilt], **optim: object) -> training.Distiller:
    aim = Objective({"spoilt": term(learner="student", over="pool", temperature=1.0, paced=False, weight=1.0)})
    return training.distiller(aim, training.scorer_node(ground, "dual"), optim=training.adamw(**optim))


@pytest.mark.parametrize(
    ("term", "what"),
    [
        (Spoilt, r"step 2: the loss of term spoilt is nan \(queries q\d+, q\d+, q\d+ and 1 more\)"),
        (SpoiltGradient, r"step 2: the gradient of student\.towers\.\S+ and of \d+ more tensors is not finite"),
    ],
)
@pytest.mark.parametrize("clip", [1.0, None])
def test_a_training_stops_at_the_step_that_goes_wrong_and_keeps_it(
    ground: Ground, tmp_path: Path, term: type[Spoilt], what: str, clip: float | None
) -> None:
    distiller = made(ground, term, clip=clip)
    data = training.lists(ground, distiller, tmp_path)
    failed_steps = FailedSteps(tmp_path / "faults", "a: config")
    with pytest.raises(UserError, match=what) as refused:
        fit(
            distiller,
            data,
            folder=tmp_path,
            save_every=100,
            accelerator="cpu",
            progress=False,
            failed_steps=failed_steps,
        )
    folder = tmp_path / "faults" / "step-2"
    assert f"`retrieval-kd replay {folder}` runs it again" in str(refused.value)
    assert (folder / "config.yaml").read_text() == "a: config"
    other = made(ground, term)
    batch, about = read_step(folder, other, data.forms)
    assert about.startswith("step 2: the ")
    assert batch.step == 1
    assert batch.query_id.tolist() == data.collate()(1).query_id.tolist()
    assert all(torch.equal(a, b) for a, b in zip(other.parameters(), distiller.parameters(), strict=True))
    loss = other.train().losses(batch)[0]["spoilt"]
    assert loss.isnan() if term is Spoilt else loss.isfinite()


def test_a_step_that_is_skipped_changes_no_weight_and_is_counted(ground: Ground, tmp_path: Path) -> None:
    after: dict[str, list[dict[str, Tensor]]] = {}
    for term in (Spoilt, SpoiltGradient):
        distiller, seen = made(ground, term, nonfinite="skip", schedule="constant", warmup=0.0), []

        class Watch(training.Callback):
            def on_train_batch_end(
                self, *_: object, seen: list[dict[str, Tensor]] = seen, of: object = distiller
            ) -> None:
                seen.append(training.weights(of))  # type: ignore[arg-type]

        training.train(ground, distiller, tmp_path / term.__name__, callbacks=[Watch()])
        assert int(distiller.guard.skipped_steps) == 1
        after[term.__name__] = seen
    for first, second, third in after.values():
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert any(not torch.equal(second[name], third[name]) for name in second)


def test_the_step_of_two_processes_is_one_when_it_is_read(ground: Ground, tmp_path: Path) -> None:
    from dataclasses import replace

    from retrieval_kd.distil.reproducer import write_step
    from tests.distil.test_distiller import half

    distiller = made(ground, Spoilt)
    data = training.lists(ground, distiller, tmp_path)
    whole = data.collate()(1)
    for rank, rows in enumerate((slice(0, 2), slice(2, 4))):
        part = replace(whole, texts=half(whole, rows).texts, first=rows.start, local=2)
        folder = write_step(
            FailedSteps(tmp_path, ""), part, distiller, rank=rank, processes=2, forms=data.forms, about="wrong"
        )
    batch, _ = read_step(folder, distiller, data.forms)
    distiller.eval()
    assert batch.local == 4
    for form, texts in whole.texts.items():
        assert torch.equal(texts.passage.ids, batch.texts[form].passage.ids)
    assert torch.equal(
        distiller.look(batch, distiller.wants(1))["student"].pool,
        distiller.look(whole, distiller.wants(1))["student"].pool,
    )  # type: ignore[arg-type]


def test_a_folder_without_a_step_is_refused(ground: Ground, tmp_path: Path) -> None:
    distiller = made(ground, Spoilt)
    with pytest.raises(UserError, match="there is no step in it"):
        read_step(tmp_path, distiller, [])
    (tmp_path / "step.json").write_text('{"processes": 1}')
    (tmp_path / "batch-0-of-1.ckpt").write_bytes(b"half")
    (tmp_path / "state.ckpt").write_bytes(b"half")
    with pytest.raises(UserError, match="cannot be read"):
        read_step(tmp_path, distiller, [])
