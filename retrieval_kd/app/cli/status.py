"""Status lines: what the package's loggers say goes to standard error, plainly."""

import logging
import sys


class _StandardError(logging.Handler):
    """Writes to whatever standard error is at that moment: a progress bar or a test may have put itself there."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


def show_status(*, first: bool) -> None:
    """From now on the status and the warnings of this package are shown; of several processes that run as one, only the
    first one's, and every one's errors.
    """
    logger = logging.getLogger("retrieval_kd")
    logger.setLevel(logging.INFO if first else logging.ERROR)
    if not any(isinstance(handler, _StandardError) for handler in logger.handlers):
        logger.addHandler(_StandardError())
