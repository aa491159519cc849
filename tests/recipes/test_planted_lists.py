"""What recipes make of their lists: the filter recovers planted false negatives, dark examples lie in between."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates, StepWeights
from retrieval_kd.curricula.curriculum import Curriculum
from retrieval_kd.curricula.false_negatives import FalseNegatives
from retrieval_kd.curricula.self_paced import SelfPaced
from retrieval_kd.scorers.view import View
from tests.recipes.classroom import Classroom
from tests.recipes.secret import TWIN

pytestmark = pytest.mark.slow

STEPS = ("optim.lr=5e-3", "data.last=60", "data.queries_per_step=20")


class Watched:
    """The steps of a training, as its curriculum saw them: batch, the judge's scores, weights; and the filter's bar."""

    def __init__(self, kind: type[Curriculum], patch: pytest.MonkeyPatch) -> None:
        self.steps: list[tuple[Candidates, Tensor, StepWeights]] = []
        self.bars: list[float] = []
        weighed = kind.weigh

        def weigh(made: Any, batch: Candidates, views: Mapping[str, View], progress: float) -> StepWeights:
            weights: StepWeights = weighed(made, batch, views, progress)
            scores = views[made.judge].scores
            assert scores is not None
            self.steps.append((batch, scores, weights))
            self.bars += [float(made.bar)] if isinstance(made, FalseNegatives) else []
            return weights

        patch.setattr(kind, "weigh", weigh)


def dropped(watched: Watched, classroom: Classroom, folder: Path) -> tuple[float, float]:
    """(share of the listed false negatives that were dropped, share of all other listed negatives that were)."""
    names = list(classroom.corpus(folder).collection)
    twin_of = torch.tensor([names.index(f"{name}{TWIN}") if f"{name}{TWIN}" in names else -1 for name in names])
    there, gone, others, lost = 0, 0, 0, 0
    for batch, _, step_weights in watched.steps:
        positive = batch.passage_id[:, :1]
        negative = batch.present & (batch.passage_id != positive)
        false = negative & (batch.passage_id == twin_of[positive])
        there, gone = there + int(false.sum()), gone + int((false & ~step_weights.keep).sum())
        rest = negative & ~false
        others, lost = others + int(rest.sum()), lost + int((rest & ~step_weights.keep).sum())
    assert there > 50
    return gone / there, lost / others


def test_a_judge_with_the_planted_scores_drops_the_false_negatives_and_nothing_else(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, secret = Watched(FalseNegatives, monkeypatch), classroom.secret
    given = ("teacher=stored", f"teacher.stored.file={secret.grades}", "loss=listwise_kl", "curriculum=false_negatives")
    lists = (f"data.candidates={secret.student_lists}", "data.negatives=15", f"student.checkpoint={classroom.start}")
    classroom.student(("train",), {}, "experiment=distil", *given, *lists, *STEPS, "optim.steps=20")
    assert dropped(watched, classroom, secret.student) == (1.0, 0.0)


def test_md2pr_recovers_them_by_its_cross_encoder_while_it_mines_and_its_bar_moves(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, secret = Watched(FalseNegatives, monkeypatch), classroom.secret
    given = {"mined": secret.student_lists, "taught": classroom.teacher("cross_encoder")}
    words = ("optim.steps=40", "data.refresh_every=10", "curriculum.rounds=3", "data.negatives=15")
    classroom.student(("distil",), given, "experiment=md2pr", *words, *STEPS)
    wrong, right = dropped(watched, classroom, secret.student)
    print(f"dropped {wrong:.3f} of the false negatives, {right:.4f} of the others; bars {sorted(set(watched.bars))}")
    assert wrong > 0.55  # in the last round half of them lie above the mean positive, as positives do
    assert right < 0.1
    bars = list(dict.fromkeys(watched.bars))
    assert len(bars) == 4  # set by the first step, moved by three re-minings
    assert bars == sorted(bars)  # its margin shrinks: ever fewer are suspected


def test_adams_dark_examples_lie_between_negatives_and_positives_in_the_teachers_score(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, secret = Watched(SelfPaced, monkeypatch), classroom.secret
    given = {"mined": secret.student_lists, "taught": classroom.teacher("cross_encoder")}
    classroom.student(("distil",), given, "experiment=adam", "optim.steps=20", *STEPS)
    scores = torch.cat([some for _, some, _ in watched.steps])
    batches = [batch for batch, _, _ in watched.steps]
    dark, present = (torch.cat([getattr(one, name) for one in batches]) for name in ("dark", "present"))
    column = torch.arange(scores.shape[1]).expand_as(scores)
    noisy = dark & (column == int(column[dark].min()))  # the masked copy of the positive comes first
    kinds = {
        "negatives": present & ~dark & (column > 0),
        "reinforced": present & dark & ~noisy,
        "noisy": present & noisy,
        "positives": present & (column == 0),
    }
    means = {name: mean_over_queries(scores, some) for name, some in kinds.items()}
    means["dark"] = mean_over_queries(scores, present & dark)
    print(means)
    assert means["negatives"] < means["reinforced"] < means["positives"]
    assert means["negatives"] < means["noisy"] < means["positives"]
    assert means["negatives"] + 1 < means["dark"] < means["positives"] - 1


def mean_over_queries(scores: Tensor, some: Tensor) -> float:
    """The mean over queries that have any of a query's mean over them."""
    has = some.any(1)
    return float(((scores * some).sum(1)[has] / some.sum(1)[has]).mean())
