"""What a file system refuses is a sentence, whoever wrote."""

import errno
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval_kd.io.disk_errors import disk_problem


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "x", "a/b"),
            "a/b: No space left on device; free some space, and the same command goes on",
        ),
        (OSError(errno.EFBIG, "x"), "File too large; raise the limit on the size of files (ulimit -f)"),
        (RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"), "a file was not written"),
        (Exception("Error while serializing: I/O error: No space left on device (os error 28)"), "No space left on"),
        (FileNotFoundError(errno.ENOENT, "x", "a"), None),
        (ValueError("something else"), None),
    ],
)
def test_a_refusal_of_the_file_system_is_a_sentence(error: Exception, sentence: str | None) -> None:
    problem = disk_problem(error)
    assert problem is None if sentence is None else problem is not None and problem.startswith(sentence)


def test_what_an_exception_comes_of_counts() -> None:
    error = RuntimeError("training failed")
    error.__cause__ = OSError(errno.EROFS, "x", "a")
    assert disk_problem(error) == (
        "a: Read-only file system; give a folder that can be written to, and the same command goes on from here"
    )


WRITERS = {
    "torch": "import torch; torch.save({'a': torch.zeros(100_000)}, place)",
    "safetensors": "from safetensors.torch import save_file as w; import torch; w({'a': torch.zeros(100_000)}, place)",
    "numpy": "import numpy; numpy.save(open(place, 'wb'), numpy.zeros(100_000))",
    "text": "open(place, 'w').write('x' * 400_000)",
}


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS)
def test_a_limit_on_files_is_named_whatever_library_writes(writer: str, tmp_path: Path) -> None:
    code = f"""
import resource, signal, sys
from retrieval_kd.io.disk_errors import disk_problem
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
place = {str(tmp_path / "file")!r}
try:
    {WRITERS[writer]}
except Exception as error:
    sys.exit(disk_problem(error) or repr(error))
sys.exit("nothing was raised")
"""
    limit = (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert "and the same command goes on from here" in answer.stderr, answer.stderr
