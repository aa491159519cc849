"""All faults of a command line together."""

from collections.abc import Iterable

from retrieval_kd.errors import UserError


class UserErrors(UserError):
    """Several faults, each one sentence; `str` has one a line."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = list(dict.fromkeys(sentences))
        super().__init__("\n".join(self.sentences))


def refuse(sentences: Iterable[str]) -> None:
    """Raises UserErrors if there are any."""
    found = list(sentences)
    if found:
        raise UserErrors(found)


def sentences_of(fault: UserError) -> list[str]:
    """The single sentences of a fault."""
    return fault.sentences if isinstance(fault, UserErrors) else [str(fault)]
