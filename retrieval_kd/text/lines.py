"""Lines of a text file, packed or not, numbered, with every error naming file and line."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retrieval_kd.errors import UserError
from retrieval_kd.io.digests import other_than_file
from retrieval_kd.text.packed import unpacked


def at_home(path: Path | str) -> Path:
    """The path with `~` as the home folder; one of a user who is not there stays as it is."""
    return Path(os.path.expanduser(path))


def finite(value: Any, *, where: str, or_inf: bool = False) -> float:
    """A number as it was written. Raises UserError for what is none, and for one that is not finite; `or_inf` lets inf
    pass where it is written so (1e400, too great for a float, is never one).
    """
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{where} scores {repr(value)[:60]}; give a number") from None
    written_so = or_inf and "inf" in str(value).lower()
    if math.isnan(number) or (math.isinf(number) and not written_so) or "_" in str(value):
        raise UserError(f"{where} scores {value}; give a finite number")
    return number


def check_file(path: Path, *, holds: str) -> Path:
    """The path, if it is a file that can be opened.

    Raises UserError where nothing is there, a folder is there, a pipe or a device (which may never end), or it may not
    be read; `holds` says what should be in it.
    """
    try:
        if (other := other_than_file(path)) is not None:
            raise UserError(f"{path} is {other}; give a file that holds {holds}")
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a file that holds {holds}") from None
    return path


def numbered(path: Path, *, holds: str) -> Iterator[tuple[int, str]]:
    """(line number from 1, line without its end) of every line that is not blank.

    A byte order mark at the start is no part of the first. Raises UserError where the file cannot be read or unpacked,
    or a line is not UTF-8.
    """
    for number, line in enumerate(_lines(check_file(path, holds=holds)), 1):
        if not line.strip():
            continue
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UserError(f"{path}:{number} is not UTF-8 (byte {error.start + 1}); save the file as UTF-8") from None


def objects(path: Path, *, holds: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON-lines file.

    Raises UserError as `numbered` does, and where a line is not one JSON object.
    """
    for number, line in numbered(path, holds=holds):
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(
                f"{path}:{number} is not JSON ({error.msg}, column {error.colno}); give one object a line"
            ) from None
        except (ValueError, RecursionError):
            raise UserError(
                f"{path}:{number} is JSON too long or too deep to be read; give one object a line"
            ) from None
        if not isinstance(value, dict):
            raise UserError(
                f'{path}:{number} is JSON but not an object; give one object a line, such as {{"_id": "7", …}}'
            )
        yield number, value


def line_at(path: Path, position: int) -> str:
    """file:line of the record at a position (from 0) of a file that has one record a line. Reads the file again."""
    filled = (number for number, line in enumerate(_lines(path), 1) if line.strip())
    for at, number in enumerate(filled):
        if at == position:
            return f"{path}:{number}"
    raise IndexError(f"{path} has no record {position}")


def _lines(path: Path) -> Iterator[bytes]:
    """The lines with their ends; a packed file is unpacked on the way."""
    with unpacked(path) as file:
        yield from file
