"""Every bad line is named."""

import gzip
from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import check_file, line_at, numbered, objects


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_lines_are_numbered_from_one_and_blank_ones_skipped(tmp_path: Path) -> None:
    path = written(tmp_path / "x", "one\r\n\n  \nfour é\nfive".encode())
    assert list(numbered(path, holds="words")) == [(1, "one"), (4, "four é"), (5, "five")]
    assert [line_at(path, position) for position in range(3)] == [f"{path}:1", f"{path}:4", f"{path}:5"]


def test_gzipped_lines_are_read_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path / "x", gzip.compress(b"one\n\nthree\n"))
    assert list(numbered(path, holds="words")) == [(1, "one"), (3, "three")]
    assert line_at(path, 1) == f"{path}:3"


def test_a_broken_gzip_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "x", gzip.compress(b"one\n")[:-4])
    with pytest.raises(UserError, match="x is gzip that cannot be unpacked"):
        list(numbered(path, holds="words"))


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "x", b"fine\nb\xe4d\n")
    with pytest.raises(UserError, match=r"x:2 is not UTF-8 \(byte 2\)"):
        list(numbered(path, holds="words"))


@pytest.mark.parametrize("line", [b'{"a": 1', b'{"a": 1} {"b": 2}', b"[1", b"nonsense"])
def test_a_line_that_is_not_json_is_named(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(UserError, match="x:2 is not JSON"):
        list(objects(written(tmp_path / "x", b"{}\n" + line), holds="objects"))


def test_a_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="x:1 is JSON but not an object"):
        list(objects(written(tmp_path / "x", b"[1, 2]"), holds="objects"))


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"y cannot be read \(No such file or directory\); give a file that holds words"
    ):
        check_file(tmp_path / "y", holds="words")
    with pytest.raises(UserError, match="is a folder; give a file that holds words"):
        check_file(tmp_path, holds="words")
