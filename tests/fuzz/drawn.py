"""Fuzzes one reader by hypothesis, where atheris is not there: `python -m tests.fuzz.drawn NAME SECONDS FOLDER`."""

import contextlib
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from retrieval_kd.errors import UserError
from tests.fuzz.contents import contents
from tests.fuzz.readers import Readers

if __name__ == "__main__":
    name, seconds, folder = sys.argv[1:]
    readers, tried, stop = Readers(Path(folder) / "files"), 0, time.monotonic() + int(seconds)

    @settings(
        max_examples=500, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
    )
    @given(contents(name))
    def some(content: bytes) -> None:
        global tried
        tried += 1
        with contextlib.suppress(UserError):
            readers.read(name, content)

    while time.monotonic() < stop:
        some()
    print(f"Drew {tried} files")
