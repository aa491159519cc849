"""Errors that the user can mend, and the failure of the processes of a stage."""


class UserError(ValueError):
    """An option, a file or an argument cannot be used.

    The message is one sentence: what was given (with file:line where there is one) and what to give instead.
    """


class ChildrenFailed(RuntimeError):
    """The processes of a stage crashed; what they printed says why."""


class ProcessLost(RuntimeError):
    """Another process of this launch is gone, so that this one has nothing to do."""
