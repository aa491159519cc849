"""Digests of files follow their content, also where size and time stay the same."""

import hashlib
import os
from pathlib import Path

from retrieval_kd.io.digests import file_digest


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_digest(tmp_path / "x") == hashlib.sha256(b"abc").hexdigest()


def test_a_file_changed_in_place_with_its_size_and_time_kept_has_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    before, times = file_digest(path), path.stat()
    path.write_bytes(b"abd")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file_digest(path) != before
