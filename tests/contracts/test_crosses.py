"""The committed table of crosses is what happens: two steps of training, or a refusal by name."""

import re

import pytest

from tests.contracts.crosses import AXES, RUNS, TABLE, table

pytestmark = pytest.mark.slow


def committed(axis: tuple[str, str]) -> list[str]:
    """The committed lines of an axis."""
    text = TABLE.read_text(encoding="utf-8")
    return text.partition(f"## {axis[0]} × {axis[1]}\n")[2].partition("\n## ")[0].strip().splitlines()


@pytest.mark.parametrize("axis", AXES, ids="-".join)
def test_every_pair_trains_two_steps_or_is_refused_as_the_table_says(axis: tuple[str, str]) -> None:
    rows = list(table([axis]))
    assert [line for line in rows if line and not line.startswith("## ")] == committed(axis)


def test_most_pairs_run_and_every_refusal_says_what_would_do() -> None:
    rows = [line.split(" | ", 2) for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    verdicts = [row[2].removesuffix(" |") for row in rows if len(row) == 3 and row[2] != "|"]
    refused = [verdict for verdict in verdicts if verdict != RUNS]
    assert all(
        re.match(r"refused: .*([:;] (set|give) |offers|means the group's only role)", verdict) for verdict in refused
    )
    assert len(verdicts) > 200
