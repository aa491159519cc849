"""A filter of false negatives: a candidate that the judge finds as relevant as the positives is dropped, by a bar that
moves at every re-mining.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates, StepWeights
from retrieval_kd.curricula.curriculum import Curriculum
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.view import View, wanted
from retrieval_kd.shapes import ListMask, ListScores
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run

Probability = Literal["sigmoid", "against_positive"]


class FalseNegatives(Curriculum):
    """Drops a negative whose relevance probability c is at or above a bar; the `keep_at_least` lowest of a list stay.

    c = sigmoid(s), or `against_positive` e^s / (e^s + e^s⁺), which no constant added to a query's scores changes and
    which is 1/2 for the positive itself, so that the bar is 1/2 less the margin, whatever the statistic. bar = the
    statistic of the positives' c (their mean, or their `quantile`) less a margin. The first step sets it from its own
    queries; each re-mining sets it anew from the statistic as seen (a moving mean over steps with `momentum`) less the
    margin of that round, which goes from `margin_first` to `margin_last` in `rounds`. Queries without a positive are
    not filtered, dark examples never dropped. `bar`, `seen` and `round` are buffers. Source: MD2PR (arXiv 2312.16821).
    Reading: only its abstract was read (methods §2). Raises UserError for numbers out of range.
    """

    filters = True
    refresh_options = ("margin_last", "rounds", "momentum")
    bar: Tensor
    seen: Tensor
    round: Tensor

    def __init__(
        self,
        *,
        judge: str,
        probability: Probability,
        statistic: Literal["mean_positive", "quantile"],
        quantile: float,
        margin_first: float,
        margin_last: float,
        rounds: int,
        momentum: float,
        keep_at_least: int,
    ) -> None:
        super().__init__()
        if not (0 <= quantile <= 1 and 0 <= momentum < 1 and rounds >= 1 and keep_at_least >= 0):
            raise UserError(
                f"curriculum.quantile={quantile}, momentum={momentum}, rounds={rounds}, keep_at_least={keep_at_least}: "
                "give a quantile from 0 to 1, a momentum from 0 to below 1, at least 1 round and no negative number"
            )
        self.judge: str = judge
        self.probability, self.statistic, self.quantile = probability, statistic, quantile
        self.margins, self.rounds, self.momentum = (margin_first, margin_last), rounds, momentum
        self.keep_at_least = keep_at_least
        self.register_buffer("bar", torch.tensor(torch.nan))
        self.register_buffer("seen", torch.tensor(torch.nan))
        self.register_buffer("round", torch.tensor(0))

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        reasons = {}
        if node["margin_first"] == node["margin_last"]:
            reasons["rounds"] = f"the margin is the same in every round; give another {at}.margin_last"
        if node["probability"] == "against_positive":
            half = f"by {at}.probability=against_positive every positive has 1/2; set {at}.probability=sigmoid"
            return reasons | dict.fromkeys(("statistic", "quantile", "momentum"), half)
        return reasons | ({} if node["statistic"] == "quantile" else {"quantile": f"set {at}.statistic=quantile"})

    def idle(self, negatives: int) -> str | None:
        if self.keep_at_least < negatives:
            return None
        reason = f"curriculum.keep_at_least={self.keep_at_least} keeps every negative of lists that have {negatives}"
        fewer = f", or curriculum.keep_at_least={negatives - 1}" if negatives else ""
        return f"{reason}; give data.negatives={self.keep_at_least + 1} or more{fewer}"

    def weigh(self, batch: Candidates, views: Mapping[str, View], progress: float) -> StepWeights:
        scores = wanted(views[self.judge].scores, "scores").detach()
        positive = batch.own_positive
        column = positive.clamp(min=0)[:, None]
        relevant = probability(scores, column, self.probability)
        judged = (positive >= 0) & batch.listed.gather(1, column)[:, 0]
        self._see(relevant.gather(1, column)[judged, 0])
        negative = (batch.listed & ~batch.dark & judged[:, None]).scatter(1, column, False)
        dropped = negative & (relevant >= self.bar) & ~lowest(scores, negative, self.keep_at_least)
        return StepWeights(~dropped, torch.ones_like(scores[:, 0]), batch.labels)

    def refresh(self, run: Run, judgments: Judgments) -> None:
        self.round += 1
        self.bar.copy_(self.seen - self.margin())

    def margin(self) -> float:
        """What this round takes off the statistic."""
        first, last = self.margins
        return first + (last - first) * min(int(self.round) / self.rounds, 1.0)

    def _see(self, positives: Tensor) -> None:
        """Take in a step's positives; the first ones set the bar."""
        if not len(positives):
            return
        statistic = positives.mean() if self.statistic == "mean_positive" else positives.quantile(self.quantile)
        before = self.seen if self.seen.isfinite() else statistic
        self.seen.copy_(self.momentum * before + (1 - self.momentum) * statistic)
        if self.bar.isnan():
            self.bar.copy_(statistic - self.margin())


def probability(scores: ListScores, column: Tensor, how: Probability) -> ListScores:
    """The relevance of each candidate, in [0, 1]; column: where the positive stands, [query 1]."""
    return (scores if how == "sigmoid" else scores - scores.gather(1, column)).sigmoid()


def lowest(scores: ListScores, among: ListMask, count: int) -> ListMask:
    """The `count` lowest-scored candidates of each list within the mask; the first of equals is the lower one."""
    order = scores.masked_fill(~among, torch.inf).argsort(dim=1, stable=True)
    return among & (order.argsort(dim=1) < count)
