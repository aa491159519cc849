"""Progress is shown of what takes its time: a bar on a terminal, lines elsewhere."""

import logging
import sys

import pytest

from retrieval_kd.text import progress
from retrieval_kd.text.progress import duration, progress_line, track


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown from the first item on."""
    for name in ("PATIENCE", "REDRAW", "LINE_EVERY"):
        monkeypatch.setattr(progress, name, 0.0)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "is_terminal", lambda: True)


def test_items_pass_through_and_what_is_quick_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(track(iter("abc"), total=3, label="letters")) == ["a", "b", "c"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("impatient", "terminal")
def test_what_is_slow_shows_count_and_speed_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(40), total=40, label="numbers")) == list(range(40))
    out, err = capfd.readouterr()
    assert out == ""
    assert "numbers" in err
    assert "40/40" in err


@pytest.mark.usefixtures("impatient", "terminal")
def test_a_bar_ends_with_the_loop_that_breaks() -> None:
    for number in track(range(10), total=None, label="numbers"):
        if number == 3:
            break
    assert list(track(range(3), total=3, label="again")) == [0, 1, 2]


@pytest.mark.usefixtures("impatient")
def test_without_a_terminal_what_is_slow_says_a_line_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert not sys.stderr.isatty()
    assert list(track(range(3), total=3, label="numbers")) == [0, 1, 2]
    assert [line.split(" (")[0] for line in caplog.messages] == [f"numbers: {done} of 3" for done in (1, 2, 3)]


def test_a_line_says_speed_and_time_left() -> None:
    assert progress_line("passages", 150, 600, 10.0) == "passages: 150 of 600 (15/s, 30 s left)"
    assert progress_line("passages", 150, None, 60.0) == "passages: 150 (2.5/s)"


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_durations_are_short(seconds: float, written: str) -> None:
    assert duration(seconds) == written
