"""What the user can mend."""


class UserError(ValueError):
    """Something given from outside cannot be used.

    The message is one sentence: what was given (with file:line where there is one) and what to give instead.
    """
