"""What a plan tells of a training that would learn nothing of some terms: lists of one candidate."""

from collections.abc import Iterator, Sequence
from typing import Any

from retrieval_kd.app.build import build
from retrieval_kd.app.stage import Stage
from retrieval_kd.app.wants import features

_OVER_LISTS = frozenset({"scores", "layers"})  # features of a view that hold a query's own list


def idle_notes(stay: Sequence[Stage]) -> Iterator[str]:
    """A sentence for each training whose lists have one candidate and whose terms compare candidates of a list."""
    for stage in stay:
        if stage.run != "train" or not _alone(build(stage.config["data"], "data")):
            continue
        objective = build(stage.config["loss"], "loss")
        terms = [name for name, term in objective.terms.items() if _compares_lists(objective, term)]
        if terms:
            yield (
                f"{stage.name} learns nothing of {', '.join(f'loss.terms.{name}' for name in terms)}: over a list of "
                "one candidate that is always 0; give data.negatives, or a term over the pool"
            )


def _alone(data: Any) -> bool:
    return not any(window.negatives for window in data.windows) and data.dark is None


def _compares_lists(objective: Any, term: Any) -> bool:
    return features(objective, term)[objective.source(term.learner)] <= _OVER_LISTS
