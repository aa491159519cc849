"""All problems of a command line together, and how they are reported."""

import sys
from collections.abc import Iterable

from retrieval_kd.app.cli.process_env import is_first
from retrieval_kd.errors import UserError

FAILED, MENDABLE, SIGNALLED = 1, 2, 128  # and the signal's number: 130 for Ctrl-C, 143 for SIGTERM


class UserErrors(UserError):
    """Several problems, each one sentence; `str` has one a line."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = list(dict.fromkeys(sentences))
        super().__init__("\n".join(self.sentences))


def refuse(sentences: Iterable[str]) -> None:
    """Raises UserErrors if there are any."""
    listed = list(sentences)
    if listed:
        raise UserErrors(listed)


def sentences_of(error: UserError) -> list[str]:
    """The single sentences of an error."""
    return error.sentences if isinstance(error, UserErrors) else [str(error)]


def tell_user(sentences: Iterable[str], status: int = MENDABLE, *, always: bool = False) -> int:
    """The status, after the sentences were printed: once, however many processes say the same, or `always`."""
    if always or is_first():
        print("\n".join(sentences), file=sys.stderr)
    return status
