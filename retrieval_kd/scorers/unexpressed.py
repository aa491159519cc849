"""What a folder says and no option expresses."""

from typing import Any

from retrieval_kd.errors import UserError


class Unexpressed(str):
    """In the place of a form's value: the sentence that whoever leaves that key open is refused with."""


def expressed(value: Any) -> Any:
    """The value. Raises UserError for one that no option expresses."""
    if isinstance(value, Unexpressed):
        raise UserError(str(value))
    return value
