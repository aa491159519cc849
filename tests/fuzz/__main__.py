"""`python -m tests.fuzz [seconds] [reader …]`: a coverage-guided fuzz of the readers (atheris), ten minutes by default.

Each reader has its share of the time, and sets out from a good file. What ends one with anything but a UserError is
written beside its name, and the exit status is 1. Without atheris (the extra `fuzz`; Linux has wheels) hypothesis
draws the bytes instead, which does not look at what is covered: that is said.
"""

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.readers import SEEDS

SECONDS = 600


def main(arguments: list[str]) -> int:
    """The number of readers that something ended, at most 1."""
    numbers = [int(word) for word in arguments if word.isdigit()]
    names = [name for name in SEEDS if name in arguments or not set(arguments) - {str(number) for number in numbers}]
    guided = importlib.util.find_spec("atheris") is not None
    if not guided:
        print("atheris is not installed (pip install 'retrieval-kd[fuzz]'): hypothesis draws bytes, without coverage")
    share = max(1, (numbers or [SECONDS])[0] // len(names))
    ended = [name for name in names if not fuzzed(name, share, guided=guided)]
    print(f"{len(names)} readers, {share} s each: {len(ended)} ended by something else than a UserError")
    return 1 if ended else 0


def fuzzed(name: str, seconds: int, *, guided: bool) -> bool:
    """Whether a reader took all that was tried, in a process of its own; else what ended it is printed."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "corpus").mkdir()
        (Path(folder) / "corpus" / "good").write_bytes(SEEDS[name])
        module = "tests.fuzz.guided" if guided else "tests.fuzz.drawn"
        command = [sys.executable, "-m", module, name, str(seconds), folder]
        answer = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        counted = re.search(r"(?:Done|Drew) (\d+) ", answer.stdout + answer.stderr)
        print(f"{name}: {counted[1] if counted else 'not all'} files tried", flush=True)
        if answer.returncode:
            print(answer.stdout[-2000:], answer.stderr[-4000:])
    return answer.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
