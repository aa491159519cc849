"""What a file system refused, in a sentence: a full disk, a limit on the size of files, a folder that is only read."""

import errno
import os
import re
from collections.abc import Iterator

_MENDABLE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "give a folder that can be written to",
    errno.EACCES: "give a folder that can be read and written to",
    errno.EPERM: "give a folder that can be read and written to",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs, or raise the system's limit on open files",
    errno.EIO: "check the disk, or give a folder on another one",
    errno.ESTALE: "mount the folder again",
}
_NUMBERED = re.compile(r"os error (\d+)|\[Errno (\d+)\]|errno[ =:]+(\d+)", re.IGNORECASE)
_BY_WORDS = {"No space left on device": errno.ENOSPC, "File too large": errno.EFBIG, "Disk quota": errno.EDQUOT}
_CUT_SHORT = re.compile(  # torch's words, NumPy's and FAISS's
    r"PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+|\d+ requested and \d+ written|write error in"
)


def disk_problem(error: BaseException) -> str | None:
    """A sentence for an exception that comes of what a file system refused, whoever wrote (torch and safetensors raise
    errors of their own); None for another one.
    """
    for one in _chain(error):
        number = _number_of(one)
        if number in _MENDABLE:
            place = f"{one.filename}: " if isinstance(one, OSError) and one.filename else ""
            return f"{place}{os.strerror(number)}; {_MENDABLE[number]}, and the same command goes on from here"
    if any(_CUT_SHORT.search(str(one)) for one in _chain(error)):
        mend = f"{_MENDABLE[errno.ENOSPC]} (see ulimit -f, too)"
        return f"a file was not written to its end; {mend}, and the same command goes on from here"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those that it comes of."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _number_of(error: BaseException) -> int:
    """The system's number of what went wrong, from the exception or its text; 0 where there is none."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    text = str(error)
    numbered = _NUMBERED.search(text)
    if numbered:
        return int(next(filter(None, numbered.groups())))
    return next((number for words, number in _BY_WORDS.items() if words in text), 0)
