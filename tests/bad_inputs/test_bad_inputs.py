"""Rows of the table: status 2, one clear sentence, soon, and nothing written.

Here a fifth of those that are slow and half of those that are not; `make bad-inputs` tries every row.
"""

from pathlib import Path

import pytest

from tests.bad_inputs.row import Goods, Row, write_goods
from tests.bad_inputs.table import TABLE
from tests.bad_inputs.trial import Answer, tried, wrong

QUICK, SLOW = [row for row in TABLE if row.quick][::2], [row for row in TABLE if not row.quick][::5]
ROWS = [*QUICK, *(pytest.param(row, marks=pytest.mark.slow) for row in SLOW)]


@pytest.fixture(scope="module")
def goods(tmp_path_factory: pytest.TempPathFactory) -> Goods:
    return write_goods(tmp_path_factory.mktemp("goods"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_input_is_refused_with_a_sentence_and_nothing_is_written(row: Row, goods: Goods, tmp_path: Path) -> None:
    assert wrong(row, tried(row, goods, tmp_path)) is None


@pytest.mark.slow
def test_the_good_words_alone_are_no_bad_input(goods: Goods, tmp_path: Path) -> None:
    answer = tried(Row("good", (), ()), goods, tmp_path)
    assert answer.status == 0, answer.errors
    assert "work/artifacts" in answer.left


def test_an_answer_is_wrong_for_its_status_its_words_its_traceback_its_length_and_what_it_left() -> None:
    row = Row("row", (), ("optim.lr=0", "give"))
    good = Answer(2, "optim.lr=0: give a positive number\n", (), 0.1)
    assert wrong(row, good) is None
    for bad in (
        Answer(0, good.errors, (), 0.1),
        Answer(None, good.errors, (), 0.1),
        Answer(2, "optim.lr=0 is bad\n", (), 0.1),
        Answer(2, "Traceback (most recent call last)\noptim.lr=0: give\n", (), 0.1),
        Answer(2, good.errors * 9, (), 0.1),
        Answer(2, good.errors, ("work/artifacts",), 0.1),
    ):
        assert wrong(row, bad) is not None


def test_the_table_has_at_least_120_rows_of_different_names() -> None:
    assert len({row.name for row in TABLE}) == len(TABLE) >= 120


@pytest.mark.slow
def test_odd_surroundings_in_which_everything_can_run_are_none(goods: Goods, tmp_path: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii", "HOME": None, "TMPDIR": "/nowhere/at/all"}
    answer = tried(Row("odd", ["dry_run=true"], (), env, apart=True), goods, tmp_path)
    assert (answer.status, answer.left) == (0, ()), answer.errors
