"""Paired tests, against scipy's own and against chance."""

import numpy as np
import pytest
from scipy import stats

from retrieval_kd.errors import UserError
from retrieval_kd.measures.compare import compare, detectable, holm
from retrieval_kd.measures.evaluate import Report


def report(values: "np.ndarray[tuple[int], np.dtype[np.float64]] | list[float]") -> Report:
    return Report({"RR@10": {f"q{number}": float(value) for number, value in enumerate(values)}})


def test_the_t_test_is_paired() -> None:
    first, second = [0.5, 0.7, 0.9, 1.0], [0.4, 0.5, 0.8, 0.8]
    compared = compare(report(first), report(second), "RR@10")
    # differences .1 .2 .1 .2: mean .15, standard deviation .1 / √3; t = .15 · √4 / (.1 / √3), 3 degrees of freedom
    assert compared.difference == pytest.approx(0.15)
    assert compared.p == pytest.approx(2 * stats.t.sf(0.15 * 2 * np.sqrt(3) / 0.1, 3))
    assert compared.queries == 4


def test_the_randomisation_test_counts_signs() -> None:
    # of the 16 ways to sign .1 .2 .1 .2 only two have a mean as far from 0 as all plus
    compared = compare(report([0.5, 0.7, 0.9, 1.0]), report([0.4, 0.5, 0.8, 0.8]), "RR@10")
    assert compared.p_randomised == pytest.approx(2 / 16)


def test_both_tests_agree_on_many_queries_and_a_seed_repeats_them() -> None:
    generator = np.random.default_rng(0)
    first = generator.random(300)
    second = first + generator.normal(0.01, 0.1, 300)
    compared = compare(report(second), report(first), "RR@10", seed=3)
    assert compared.p == pytest.approx(stats.ttest_rel(second, first).pvalue)
    assert compared.p_randomised == pytest.approx(compared.p, abs=0.02)
    assert compared == compare(report(second), report(first), "RR@10", seed=3)


def test_queries_are_paired_by_id_and_not_by_order() -> None:
    backwards = Report({"RR@10": dict(reversed(report([0.1, 0.5, 0.9]).per_query["RR@10"].items()))})
    assert compare(report([0.1, 0.5, 0.9]), backwards, "RR@10").difference == 0.0


def test_runs_that_do_not_differ_have_p_1() -> None:
    compared = compare(report([0.5, 0.7]), report([0.5, 0.7]), "RR@10")
    assert (compared.difference, compared.p, compared.p_randomised) == (0.0, 1.0, 1.0)


def test_runs_that_always_differ_alike_have_p_0() -> None:
    assert compare(report([0.5, 0.75, 1.0]), report([0.25, 0.5, 0.75]), "RR@10").p == 0.0


def test_reports_over_other_queries_or_measures_are_refused() -> None:
    with pytest.raises(UserError, match="differ in 1 queries; give two over the same queries"):
        compare(report([0.5, 0.7]), report([0.5, 0.7, 0.9]), "RR@10")
    with pytest.raises(UserError, match="has no 'AP'; give one of RR@10"):
        compare(report([0.5, 0.7]), report([0.5, 0.7]), "AP")
    with pytest.raises(UserError, match="measured 1 query; give at least 2"):
        compare(report([0.5]), report([0.7]), "RR@10")


def test_a_detectable_difference_is_seen_four_times_in_five() -> None:
    queries, deviation = 50, 0.2
    differences = np.random.default_rng(1).normal(detectable(deviation, queries), deviation, (4000, queries))
    seen = (stats.ttest_1samp(differences, 0.0, axis=1).pvalue < 0.05).mean()
    assert seen == pytest.approx(0.8, abs=0.025)  # 4 standard deviations of 4000 draws
    assert detectable(0.2, 400) == pytest.approx(0.2 * (1.9659 + 0.8425) / 20, rel=1e-3)


def test_holm_multiplies_by_what_is_left_and_never_falls() -> None:
    # sorted .01 .03 .04: .03, .06, .04 → .06
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
