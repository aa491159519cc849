"""Values in a folder of another library that no option here expresses."""

from typing import Any

from retrieval_kd.errors import UserError


class Unexpressed(str):
    """In the place of a form's value: the message of the error that is raised where that key is left null."""


def expressed(value: Any) -> Any:
    """The value. Raises UserError for one that no option expresses."""
    if isinstance(value, Unexpressed):
        raise UserError(str(value))
    return value
