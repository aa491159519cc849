"""Why a stage is to be made is said: what differs from the nearest artifact of its kind, and what that one cost."""

import re
from collections.abc import Callable

import pytest

LADDER = "experiment=ladder"
Program = Callable[..., int]


@pytest.fixture
def reasons(program: Program, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """The lines of a dry run that say why, after a whole run without its words."""
    assert program(LADDER) == 0

    def lines(*words: str) -> list[str]:
        capsys.readouterr()
        assert program(LADDER, "dry_run=true", *words) == 0
        return [line for line in capsys.readouterr().out.splitlines() if "compared with" in line]

    return lines


def test_nothing_is_said_of_what_is_made_already(reasons: Callable[..., list[str]]) -> None:
    assert reasons() == []


@pytest.mark.slow
def test_a_changed_value_is_told_with_both_values_and_what_the_nearest_one_cost(
    reasons: Callable[..., list[str]],
) -> None:
    lines = reasons("+at.distil.optim.steps=20")
    assert [line.split(":")[0] for line in lines] == ["distil", "evaluate"]
    assert re.fullmatch(
        r"distil: because optim.steps \d+ → 20, compared with train-[0-9a-f]{16}; that one took \d+ s and [\d.]+ MiB",
        lines[0],
    )
    assert "evaluate: because what distil makes is not the same, compared with evaluate-" in lines[1]


def test_many_differences_are_counted(reasons: Callable[..., list[str]]) -> None:
    changed = ("optim.steps=20", "optim.lr=1e-3", "optim.warmup=0.5", "data.negatives=2", "loss.terms.kl.weight=0.5")
    (line,) = [line for line in reasons(*(f"+at.distil.{word}" for word in changed)) if line.startswith("distil")]
    assert "data.negatives " in line
    assert "and 1 more, compared with" in line


def test_without_an_artifact_of_that_kind_nothing_is_said(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(LADDER, "dry_run=true") == 0
    assert "compared with" not in capsys.readouterr().out
