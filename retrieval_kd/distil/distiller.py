"""The training loop's one paragraph: look, weigh what counts, sum the arrows."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.curricula.curriculum import Curriculum
from retrieval_kd.distil.finite import StepGuard
from retrieval_kd.distil.gather import rank, share
from retrieval_kd.distil.optimise import OptimConfig
from retrieval_kd.distil.teacher_cache import Reader, TeacherCache, Wants, union
from retrieval_kd.encoders.unpadded import Count, EncodeOptions, Request
from retrieval_kd.losses.objective import Objective
from retrieval_kd.scorers.scorer import Scorer, blocks, wants_of
from retrieval_kd.scorers.view import View


class Distiller(pl.LightningModule):
    """Trains the scorers that the objective names as learners; every other one stays frozen and in eval mode."""

    def __init__(
        self,
        scorers: Mapping[str, Scorer],
        *,
        objective: Objective,
        curriculum: Curriculum,
        optim: OptimConfig,
        seed: int,
        teacher_cache: TeacherCache | None = None,
        fused: bool = False,
    ) -> None:
        super().__init__()
        self.scorers = nn.ModuleDict(scorers)
        self.objective, self.curriculum, self.optim, self.seed = objective, curriculum, optim, seed
        self.strict_loading = False  # frozen roles are not saved with every checkpoint
        self.count, self.teacher_cache, self.fused = Count(), teacher_cache or TeacherCache(), fused
        self.guard = StepGuard(optim)
        objective.setup({role: scorer.size for role, scorer in scorers.items()})
        for parameter in self.scorers.parameters():
            parameter.requires_grad = False
        for owned in self.owned().values():
            for _, parameter in owned:
                parameter.requires_grad = True

    def training_step(self, batch: Candidates, _: int = 0) -> Tensor:
        self.guard.begin(batch, self.curriculum)
        losses, views = self.losses(batch)
        total = torch.stack(list(losses.values())).sum()
        if not total.isfinite():
            return self.guard.no_loss(losses, views, self.parameters())
        self.log_dict({f"train/{name}": loss.detach() for name, loss in losses.items()}, logger=False)
        self.log("train/loss", total.detach(), prog_bar=True, logger=False)
        return total

    def losses(self, batch: Candidates) -> tuple[dict[str, Tensor], dict[str, View]]:
        """The weighted loss of each term for one step, and the views that they were read from."""
        views = self.look(batch, self.wants(batch.step))
        weights = self.curriculum.weigh(batch, self.objective.as_guides(views, batch), batch.step / self.optim.steps)
        return self.objective(views, batch.weighted(weights)), views

    def wants(self, step: int) -> Wants:
        """What a step's views must hold, by role."""
        return union(self.objective.wants(step), self.curriculum.wants())

    def look(self, batch: Candidates, wants: Wants) -> dict[str, View]:
        """The view of each role for the whole step, on every rank; encoders run once for all of them."""
        options = EncodeOptions(self.optim.tokens_per_group, self.optim.recompute, (self.seed, batch.step, rank()))
        projected, self.count = self.teacher_cache.run(self.requests(batch, wants), options, wants, self.scorer)
        views = {}
        for role, wanted in wants.items():
            own = {kind: value for (reader, kind), value in projected.items() if reader == role}
            with torch.autocast(self.device.type, enabled=False):  # scores are float32 whatever the encoders compute in
                views[role] = self.scorer(role).score(own, batch, wanted, share).map(share)
        return views

    def scorer(self, role: str) -> Scorer:
        """The scorer that a role or an echo of it reads."""
        scorer = self.scorers[self.objective.source(role)]
        assert isinstance(scorer, Scorer)
        return scorer

    def owned(self) -> dict[str, list[tuple[str, nn.Parameter]]]:
        """The parameters of each learner (a tied encoder is its first role's); `terms`: of terms and curriculum."""
        owned, seen = {}, set()
        for role in sorted(
            self.objective.learners, key=lambda role: (role not in self.objective.tied[:1], role != "student", role)
        ):
            scorer = self.scorer(role)
            borrowed = role in self.objective.tied[1:]
            head = scorer.head()
            part = scorer.own() if not borrowed else () if head is None else head.named_parameters()
            named = [pair for pair in part if id(pair[1]) not in seen]
            seen |= {id(value) for _, value in named}
            owned[role] = named
        other_parameters = [*self.objective.named_parameters(), *self.curriculum.named_parameters()]
        return {**owned, "terms": other_parameters} if other_parameters else owned

    def train(self, mode: bool = True) -> "Distiller":
        """Learners in training mode; frozen ones stay in eval, though never an encoder that a learner shares."""
        super().train(mode)
        for role in sorted(self.scorers, key=lambda role: role in self.objective.learners):
            self.scorers[role].train(mode and role in self.objective.learners)
        return self

    def configure_optimizers(self) -> Any:
        optimizer, schedule = self.optim.build(self.owned(), fused=self.fused)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        self.guard.clip_gradients(self.owned())

    def requests(self, batch: Candidates, wants: Wants) -> dict[Reader, Request]:
        """What each role's encoders read of the batch, and how it is projected, (role, kind) → request."""
        requests: dict[Reader, Request] = {}
        for role, wanted in wants.items():
            scorer = self.scorer(role)
            for kind, reading in scorer.readings(batch).items():
                requests[(role, kind)] = Request(
                    reading._replace(again=self.objective.pass_of(role, kind)),
                    partial(scorer.project, kind=kind, wants=wanted),
                    blocks(wanted, len(reading.encoder.kept_layers)),
                    scorer.attention_layer if wants_of(wanted, "attention") else None,
                    learns=self.objective.source(role) in self.objective.learners and scorer.learning(kind),
                )
        return requests
