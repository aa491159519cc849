"""The arithmetic of experiments/speed: ratios by round, their median and spread, goals, and the table."""

from pathlib import Path
from typing import Any

import pytest

from experiments.speed import table
from experiments.speed.rows import ROWS, step_on
from experiments.speed.summary import Goal, agree, best, compared, outcome, series


def side(*seconds: float, units: float = 1.0, peak: float = 100.0, extra: float = 10.0) -> dict[str, Any]:
    rounds = [{"wall": wall, "cpu": 2 * wall, "units": units} for wall in seconds]
    return {"rounds": rounds, "peak_mb": peak, "extra_mb": extra, "anon_mb": None, "values": [], "once": {}}


def test_seconds_are_for_a_unit_of_work_and_memory_is_told_once() -> None:
    measured = side(4.0, 8.0, units=4.0)
    assert series(measured, "wall") == [1.0, 2.0]
    assert series(measured, "cpu") == [2.0, 4.0]
    assert series(measured, "peak_mb") == [100.0]


def test_the_four_comparisons() -> None:
    assert compared([2.0], [6.0], "faster") == [3.0]
    assert compared([2.0], [8.0], "share") == [0.25]
    assert compared([2.0], [8.0], "more") == [-6.0]
    assert compared([2.0], [8.0], "below") == [2.0]


def test_a_ratio_is_taken_round_by_round_and_its_median_is_compared_with_the_goal() -> None:
    # rounds: 3 / 1 = 3, 8 / 2 = 4, 5 / 1 = 5; the ratio of the medians would be 5
    sides = {"ours": side(1.0, 2.0, 1.0), "peer": side(3.0, 8.0, 5.0)}
    found = outcome(sides, Goal("wall", "faster", 4.0, ("peer",)))
    assert found == (4.0, 3.0, 5.0, True, "peer")
    assert outcome(sides, Goal("wall", "faster", 4.1, ("peer",))) == (4.0, 3.0, 5.0, False, "peer")


def test_the_best_peer_is_the_one_with_the_least_median_of_those_that_were_measured() -> None:
    sides = {"ours": side(1.0), "slow": side(9.0, 9.0, 1.0), "quick": side(3.0, 4.0, 30.0)}
    assert best(sides, ("slow", "quick", "absent"), "wall") == "quick"
    assert outcome(sides, Goal("wall", "faster", 1.0, ("absent",))) is None


def test_memory_and_a_bound_without_a_rival() -> None:
    sides = {"ours": side(3.0, extra=10.0), "peer": side(3.0, extra=200.0)}
    assert outcome(sides, Goal("extra_mb", "share", 0.1, ("peer",))) == (0.05, 0.05, 0.05, True, "peer")
    assert outcome(sides, Goal("extra_mb", "more", 50, ("peer",))) == (-190.0, -190.0, -190.0, True, "peer")
    assert outcome(sides, Goal("wall", "below", 2.5)) == (3.0, 3.0, 3.0, False, "")


def test_sides_that_compute_other_numbers_are_refused() -> None:
    agree({"ours": [1.0, 2000.0], "peer": [1.00005, 2000.1]}, 1e-4)
    with pytest.raises(ValueError, match="peer"):
        agree({"ours": [1.0], "peer": [1.001]}, 1e-4)
    with pytest.raises(ValueError, match="peer"):
        agree({"ours": [1.0], "peer": [float("nan")]}, 1e-4)


def test_a_line_of_the_table_shows_both_costs_the_ratio_the_goal_and_the_verdict() -> None:
    sides = {"ours": side(0.5, 0.5, peak=640), "sentence-transformers": side(1.0, 2.0, peak=900)}
    found = table.lines(ROWS["maxsim-small"], {"row": "maxsim-small", "sides": sides})
    assert found == [
        "| maxsim-small | the same, 16 × 64 passages | sentence-transformers | 0.5, 1, 640 | 1.5, 3, 900 "
        "| 3 × (2 – 4) | ≥ 1 × in time | yes |"
    ]


def test_the_table_has_a_line_for_every_goal_of_every_row_measured_or_not() -> None:
    record = {"row": "step-medquad", "sides": {"ours": side(1.0), "lightning-ir": side(2.0)}}
    lines = table.table([record]).splitlines()
    assert len(lines) == 2 + sum(len(row.goals) for row in ROWS.values()) + 1
    assert sum("not measured" in line for line in lines) == len(lines) - 3
    assert lines[-1].startswith(f"| step-medquad | {step_on('medquad').work} | lightning-ir |")


def test_the_table_is_put_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- table -->\nold\n<!-- end -->\nafter\n")
    table.put(page, "new")
    table.put(page, "newer")
    assert page.read_text() == "before\n<!-- table -->\nnewer\n<!-- end -->\nafter\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="no <!-- table -->"):
        table.put(page, "new")


def test_every_row_has_our_side_and_goals_against_its_own_sides() -> None:
    for row in ROWS.values():
        assert "ours" in row.sides
        assert {name for goal in row.goals for name in goal.against} <= set(row.sides) - {"ours"}
