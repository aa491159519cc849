"""Locks: one holder at a time, gone with the holder, and a sentence where a file system has none."""

import errno
import fcntl
from pathlib import Path

import pytest

from retrieval_kd.io.locks import locked


def test_a_second_holder_that_does_not_wait_gets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path) as first, locked(path, wait=False) as second:
        assert first is not None
        assert second is None
    with locked(path, wait=False) as third:
        assert third is not None


def test_a_lock_in_a_folder_that_is_not_there_is_not_held(tmp_path: Path) -> None:
    with locked(tmp_path / "gone" / "lock") as lock:
        assert lock is None


def test_the_lock_of_a_file_that_was_renamed_during_the_wait_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()

    def rename() -> None:
        path.rename(tmp_path / "renamed")
        fcntl.flock(held, fcntl.LOCK_UN)

    with open(path, "ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with locked(path, waiting=rename) as lock:
            assert lock is None


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    message = r"the file system of .* has no locks between processes \(No locks available\); write to a folder"
    with pytest.raises(OSError, match=message), locked(tmp_path / "lock"):
        pass
