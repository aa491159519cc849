"""Half the squared difference of scores."""

import pytest

from retrieval_kd.losses.logit_mse import LogitMSE, logit_mse
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import flags, rows
from tests.steps import step

LEARNER, GUIDE = [1.0, 2.0, 5.0], [2.0, 4.0, 5.0]  # squared differences 1, 4, 0


def test_it_is_half_the_mean_square_over_what_is_present() -> None:
    assert logit_mse(rows(LEARNER), rows(GUIDE)).item() == pytest.approx(5 / 6)
    assert logit_mse(rows(LEARNER), rows(GUIDE), present=flags([0, 1, 0])).item() == 2.0


def test_the_term_reads_the_own_list_or_the_pool() -> None:
    options = {"learner": "student", "guide": "cross", "detach_guide": True, "paced": True, "weight": 1.0}
    own, pool = LogitMSE(over="list", **options), LogitMSE(over="pool", **options)
    lists = {"student": View(scores=rows(LEARNER)), "cross": View(scores=rows(GUIDE))}
    pools = {"student": View(pool=rows(LEARNER)), "cross": View(pool=rows(GUIDE))}
    assert own(lists, step([[1, 1, 0]])).item() == pytest.approx(5 / 4)
    assert pool(pools, step([[1, 1, 0]])).item() == pytest.approx(5 / 4)
    assert pool.wants(0) == {"student": {Want("pool")}, "cross": {Want("pool")}}
