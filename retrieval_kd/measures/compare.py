"""Whether one run is better than another, query by query, by scipy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from retrieval_kd.errors import UserError
from retrieval_kd.measures.evaluate import Report

ALPHA = 0.05
POWER = 0.8
RESAMPLES = 9999


@dataclass(frozen=True)
class Comparison:
    """Two runs over the same queries: `difference` is the mean of first − second.

    `p` is that of the two-sided paired t-test, `p_randomised` of the paired randomisation test (signs of the
    differences drawn anew). `detectable` is the smallest true difference that the t-test would see at the 5 % level 4
    times out of 5, with as many queries and differences as wide as these.
    """

    difference: float
    p: float
    p_randomised: float
    queries: int
    detectable: float


def compare(first: Report, second: Report, measure: str, *, seed: int = 0) -> Comparison:
    """The paired comparison of two reports in one measure; `seed` draws the signs of the randomisation test.

    Runs that differ nowhere have p = 1. Raises UserError if the reports measured other queries, fewer than 2, or not
    this measure.

    Source: Smucker, Allan & Carterette (2007), CIKM (both tests); Bloom (1995) (power).

    >>> first, second = Report({"RR@10": {"q1": 1.0, "q2": 0.5}}), Report({"RR@10": {"q1": 0.5, "q2": 0.5}})
    >>> compared = compare(first, second, "RR@10")
    >>> compared.difference, compared.queries, round(compared.p, 2)
    (0.25, 2, 0.5)
    """
    for report in (first, second):
        if measure not in report.per_query:
            raise UserError(f"the report has no {measure!r}; give one of {', '.join(report.per_query)}")
    first_values, second_values = first.per_query[measure], second.per_query[measure]
    unshared = first_values.keys() ^ second_values.keys()
    if unshared:
        raise UserError(f"the reports differ in {len(unshared)} queries; give two over the same queries")
    if len(first_values) < 2:
        raise UserError(f"the reports measured {len(first_values)} query; give at least 2")
    differences = np.array([first_values[query_id] - second_values[query_id] for query_id in first_values])
    if not differences.any():
        return Comparison(0.0, 1.0, 1.0, len(differences), 0.0)
    return Comparison(
        difference=float(differences.mean()),
        p=_paired_t(differences),
        p_randomised=_randomised(differences, seed),
        queries=len(differences),
        detectable=detectable(float(differences.std(ddof=1)), len(differences)),
    )


def detectable(deviation: float, queries: int, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The true mean difference that a two-sided paired t-test at level `alpha` sees with the given power.

    (t_(1 − alpha/2) + t_power) · deviation / √queries, with queries − 1 degrees of freedom; `deviation` is the
    standard deviation of the differences.

    Source: Bloom (1995), Evaluation Review 19 (minimum detectable effect).
    """
    bars = stats.t.ppf([1 - alpha / 2, power], queries - 1)
    return float(bars.sum() * deviation / np.sqrt(queries))


def interval(difference: float, detectable: float, queries: int) -> tuple[float, float]:
    """The 95 % confidence interval of a mean difference: ± t_(1 − alpha/2) standard errors, with queries − 1 degrees
    of freedom. The standard error is what makes this much `detectable` with a power of 80 %.

    Source: Bloom (1995), Evaluation Review 19.
    """
    bars = stats.t.ppf([1 - ALPHA / 2, POWER], queries - 1)
    half = float(bars[0] * detectable / bars.sum())
    return difference - half, difference + half


def margin(values: Sequence[float]) -> float:
    """Half the width of the 95 % confidence interval of a mean over queries: t_(1 − alpha/2) · deviation / √queries,
    with queries − 1 degrees of freedom; 0 for one query, which shows no deviation.
    """
    if len(values) < 2:
        return 0.0
    bar = stats.t.ppf(1 - ALPHA / 2, len(values) - 1)
    return float(bar * np.std(values, ddof=1) / np.sqrt(len(values)))


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values corrected for their number: (m − rank + 1) · p, never falling along the ranks, at most 1.

    Source: Holm (1979), Scandinavian Journal of Statistics 6.
    """
    order = np.argsort(ps, kind="stable")
    stepped = np.maximum.accumulate(np.asarray(ps)[order] * np.arange(len(ps), 0, -1))
    corrected = np.empty(len(ps))
    corrected[order] = np.minimum(stepped, 1.0)
    return [float(p) for p in corrected]


def _paired_t(differences: NDArray[np.float64]) -> float:
    """p of the t-test that the mean is 0; 0 where all differences are one."""
    if np.ptp(differences) == 0:
        return 0.0
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def _randomised(differences: NDArray[np.float64], seed: int) -> float:
    """p of the test that every difference might as well have the other sign."""
    test = stats.permutation_test(
        (differences,),
        lambda drawn, axis: drawn.mean(axis=axis),
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=max(1, 4_000_000 // len(differences)),  # 32 MB of float64 at once
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue)
