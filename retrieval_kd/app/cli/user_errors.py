"""All faults of a command line together."""

from collections.abc import Iterable

from retrieval_kd.text.fault import Fault


class Faults(Fault):
    """Several faults, each one sentence; `str` has one a line."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = list(dict.fromkeys(sentences))
        super().__init__("\n".join(self.sentences))


def refuse(sentences: Iterable[str]) -> None:
    """Raises Faults if there are any."""
    found = list(sentences)
    if found:
        raise Faults(found)


def sentences_of(fault: Fault) -> list[str]:
    """The single sentences of a fault."""
    return fault.sentences if isinstance(fault, Faults) else [str(fault)]
