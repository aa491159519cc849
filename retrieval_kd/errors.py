"""What the user can mend, and what a process that was started tells by its end."""


class UserError(ValueError):
    """Something given from outside cannot be used.

    The message is one sentence: what was given (with file:line where there is one) and what to give instead.
    """


class ChildrenFailed(RuntimeError):
    """The processes of a stage crashed; what they printed says why."""


class ProcessLost(RuntimeError):
    """Another process of this launch is gone, so that this one has nothing to do."""
