"""Files of stored scores, as a training reads them."""

import logging
from collections.abc import Mapping

from retrieval_kd.app.cli.process_env import ranks
from retrieval_kd.batch.lists import Missing
from retrieval_kd.scorers.scorer import Scorer
from retrieval_kd.scorers.stored import Stored
from retrieval_kd.text.run import Run
from retrieval_kd.text.score_file import look_like_probabilities

_log = logging.getLogger(__name__)


def stored_scores(scorers: Mapping[str, Scorer]) -> dict[str, tuple[Run, Missing]]:
    """file → (its scores, what a missing one means) for every stored scorer, members of others too.

    Says (on the first rank) where scores look like probabilities. Raises UserError for a line that is none.
    """
    scores: dict[str, tuple[Run, Missing]] = {}
    for role, scorer in scorers.items():
        for name, part in scorer.named_modules():
            if isinstance(part, Stored) and part.file not in scores:
                scores[part.file] = (part.read(), part.missing)
                _warn_of_probabilities(part, scores[part.file][0], ".".join(filter(None, ("teacher", role, name))))
    return scores


def _warn_of_probabilities(stored: Stored, run: Run, where: str) -> None:
    if stored.given == "scores" and look_like_probabilities(run) and ranks().first:
        _log.warning(
            f"{where}: all scores of {stored.file} lie in [0, 1] and look like probabilities; where logits are "
            f"expected, set {where}.given=probabilities, or scale them"
        )
