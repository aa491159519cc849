"""Numbers that go wrong are caught at the step where they do: a loss or a gradient that is not finite."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.distil.optimise import OptimConfig
from retrieval_kd.scorers.view import View

_SHOWN = 3  # queries or terms that are named


class NotFinite(RuntimeError):
    """A step's loss or gradient is not finite. `rows` are the step's queries that it comes from, all where that is
    unknown.
    """

    def __init__(self, message: str, batch: Candidates, rows: Sequence[int]) -> None:
        super().__init__(message)
        self.batch, self.rows = batch, rows


class StepGuard(nn.Module):
    """Ends the training at a step whose loss or gradient is not finite, or drops it where optim.nonfinite is skip: no
    weight moves, and the curriculum is as it was. `skipped_steps` counts those; those that the scaler of 16-mixed
    drops, too.
    """

    skipped_steps: Tensor

    def __init__(self, optim: OptimConfig) -> None:
        super().__init__()
        self.optim = optim
        self.register_buffer("skipped_steps", torch.zeros((), dtype=torch.int64))
        self._step: _Step | None = None

    @property
    def curriculum_before(self) -> Mapping[str, Tensor]:
        """What the curriculum held before the step that is on its way."""
        return {} if self._step is None else self._step.before

    def begin(self, batch: Candidates, curriculum: nn.Module) -> None:
        """Before each step."""
        before = {name: value.clone() for name, value in curriculum.state_dict().items()}
        self._step = _Step(batch, curriculum, before)

    def no_loss(
        self, losses: Mapping[str, Tensor], views: Mapping[str, View], parameters: Iterable[nn.Parameter]
    ) -> Tensor:
        """A loss of 0 that reaches all that learn, so that processes still agree on a step that is dropped. Raises
        NotFinite where such a step ends the training.
        """
        assert self._step is not None
        if self.optim.nonfinite != "skip":
            raise loss_error(losses, views, self._step.batch)
        self._step = self._step._replace(dropped=True)
        return torch.stack([(value.flatten()[0] * 0).float() for value in parameters if value.requires_grad]).sum()

    def clip_gradients(self, owned: Mapping[str, Sequence[tuple[str, nn.Parameter]]]) -> None:
        """Clips; drops the step where its gradients are not finite, or raises NotFinite."""
        assert self._step is not None
        scaled = self.optim.precision == "16-mixed"
        if not self._step.dropped:
            if self.optim.clip_gradients(owned):
                return
            if not scaled and self.optim.nonfinite != "skip":
                raise gradient_error(owned, self._step.batch)
        self.skipped_steps += 1
        if self._step.dropped or not scaled:
            self._step.curriculum.load_state_dict(dict(self._step.before))
            for _, parameter in itertools.chain(*owned.values()):
                parameter.grad = None


class _Step(NamedTuple):
    """The step that is on its way."""

    batch: Candidates
    curriculum: nn.Module
    before: Mapping[str, Tensor]
    dropped: bool = False


def loss_error(losses: Mapping[str, Tensor], views: Mapping[str, View], batch: Candidates) -> NotFinite:
    """Which of a step's losses by term are not finite, and the roles whose scores are not."""
    values = {name: float(loss.detach()) for name, loss in losses.items()}
    wrong = [f"the loss of term {name} is {value}" for name, value in values.items() if not math.isfinite(value)]
    rows = {role: _rows(view, batch) for role, view in views.items()}
    roles = [f"scores of {role} are not finite" for role, in_role in rows.items() if in_role]
    named = sorted({row for in_role in rows.values() for row in in_role}) or range(len(batch.query_id))
    return NotFinite(", ".join([*(wrong or ["the sum of all losses is not finite"]), *roles]), batch, list(named))


def gradient_error(owned: Mapping[str, Sequence[tuple[str, nn.Parameter]]], batch: Candidates) -> NotFinite:
    """Which gradients are not finite, by role."""
    named = [(f"{role}.{name}", value.grad) for role, pairs in owned.items() for name, value in pairs]
    wrong = [name for name, gradient in named if gradient is not None and not bool(gradient.isfinite().all())]
    more = f" and of {len(wrong) - 1} more tensors" if len(wrong) > 1 else ""
    message = f"the gradient of {wrong[0]}{more} is not finite" if wrong else "the norm of all gradients is not finite"
    return NotFinite(message, batch, range(len(batch.query_id)))


def named_queries(error: NotFinite, names: Sequence[str]) -> str:
    """The queries of an error, by their ids."""
    ids = [names[int(error.batch.query_id[row])] for row in error.rows]
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f"{'query' if len(ids) == 1 else 'queries'} {', '.join(ids[:_SHOWN])}{more}"


def _rows(view: View, batch: Candidates) -> list[int]:
    """The queries with a score that is not finite among the candidates that count."""
    wrong = torch.zeros(len(batch.query_id), dtype=torch.bool, device=batch.listed.device)
    if view.scores is not None:
        wrong |= (~view.scores.isfinite() & batch.listed).any(1)
    if view.pool is not None:
        wrong |= (~view.pool.isfinite() & batch.pooled).any(1)
    return [int(row) for row in torch.nonzero(wrong).flatten()]
