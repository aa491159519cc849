"""A bar only for what takes its time."""

import pytest

from retrieval_kd.text import progress
from retrieval_kd.text.progress import track


def test_items_pass_through_and_what_is_quick_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(track(iter("abc"), total=3, what="letters")) == ["a", "b", "c"]
    assert capfd.readouterr() == ("", "")


def test_what_is_slow_shows_count_and_speed_on_standard_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "REDRAW", 0.0)
    assert list(track(range(40), total=40, what="numbers")) == list(range(40))
    out, err = capfd.readouterr()
    assert out == ""
    assert "numbers" in err
    assert "40/40" in err


def test_a_bar_ends_with_the_loop_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "REDRAW", 0.0)
    for number in track(range(10), total=None, what="numbers"):
        if number == 3:
            break
    assert list(track(range(3), total=3, what="again")) == [0, 1, 2]
