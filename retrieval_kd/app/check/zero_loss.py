"""The notes of a plan on a training that would learn nothing of some terms, ranks or steps."""

from collections.abc import Iterator, Sequence
from typing import Any

from retrieval_kd.app.check.required_features import features
from retrieval_kd.app.check.unread_training import warmup_message
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.stage import Stage

_OVER_LISTS = frozenset({"scores", "layers"})  # features of a view that hold a query's own list


def zero_loss_notes(stages: Sequence[Stage]) -> Iterator[str]:
    """A sentence for each training whose lists have one candidate and whose terms compare candidates of a list, whose
    warm-up is less than a step, or whose lists never reach some part of the curriculum.
    """
    for stage in stages:
        if not stage.kind.trains:
            continue
        optim, data, curriculum = (build(stage.config[group], group) for group in ("optim", "data", "curriculum"))
        if optim.warmup and not optim.num_warmup_steps:
            yield f"{stage.name}: optim.warmup={warmup_message(optim)}"
        for sentence in curriculum.unused_parts(_ranks(data)):
            yield f"{stage.name}: {sentence}"
        if not _has_single_candidates(data):
            continue
        objective = build(stage.config["loss"], "loss")
        terms = [name for name, term in objective.terms.items() if _compares_lists(objective, term)]
        if terms:
            yield (
                f"{stage.name} learns nothing of {', '.join(f'loss.terms.{name}' for name in terms)}: over a list of "
                "one candidate that is always 0; give data.negatives, or a term over the pool"
            )


def _ranks(data: Any) -> list[tuple[int, int]]:
    """The ranks that negatives come from, (first, last) of each window; a query without judgments takes one more."""
    more = int(data.unjudged)
    best = [
        (window, window.first + window.negatives - 1 + more * (window is data.windows[0])) for window in data.windows
    ]
    return [(window.first, end if window.order == "best" else window.last) for window, end in best if window.negatives]


def _has_single_candidates(data: Any) -> bool:
    return not any(window.negatives for window in data.windows) and data.dark is None


def _compares_lists(objective: Any, term: Any) -> bool:
    return features(objective, term)[objective.source(term.learner)] <= _OVER_LISTS
