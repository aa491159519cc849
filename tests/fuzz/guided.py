"""Fuzzes one reader by coverage: `python -m tests.fuzz.guided NAME SECONDS FOLDER`."""

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["retrieval_kd"]):
    from retrieval_kd.errors import UserError
    from tests.fuzz.readers import Readers

if __name__ == "__main__":
    name, seconds, folder = sys.argv[1:]
    readers = Readers(Path(folder) / "files")

    def one(content: bytes) -> None:
        with contextlib.suppress(UserError):
            readers.read(name, content)

    options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(Path(folder) / "corpus")], one)
    atheris.Fuzz()
