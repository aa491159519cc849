"""What a folder says and no option expresses."""

from typing import Any

from retrieval_kd.text.fault import Fault


class Unexpressed(str):
    """In the place of a form's value: the sentence that whoever leaves that key open is refused with."""


def expressed(value: Any) -> Any:
    """The value. Raises Fault for one that no option expresses."""
    if isinstance(value, Unexpressed):
        raise Fault(str(value))
    return value
