"""One launch of several processes: the first shows that it lives, and the others wait for it no longer than that."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from retrieval_kd.app.cli.process_env import Ranks
from retrieval_kd.errors import ProcessLost
from retrieval_kd.io.locks import is_held, locked

_log = logging.getLogger(__name__)

_LOOKS, _TOLD_AFTER = 0.2, 30.0  # seconds between two looks, and until waiting is told
_TO_BEGIN, _TO_END = 300.0, 5.0  # seconds that the first process has to begin, and to seal what it made as it ends


class Launch:
    """The first process holds a lock in the folder of artifacts as long as it lives."""

    def __init__(self, group: Ranks, artifacts: Path) -> None:
        self.group = group
        self.path = artifacts / ".locks" / f"launch-{group.launch}.lock"
        self.mark = self.path.with_name(f"discarded-{group.launch}")  # of what `fresh` names
        self.begun = f".begun-{group.launch}"  # the file in a part folder by which the first process calls the others
        self.seen = False  # that the first process lives

    @contextmanager
    def present(self) -> Iterator[None]:
        """Shows that the first process lives, until the block ends; nothing to do for the others."""
        if self.group.world == 1 or not self.group.first:
            yield
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for stale in (self.mark, *self.path.parent.parent.glob(f"*.part/{self.begun}")):  # of a launch that was killed
            stale.unlink(missing_ok=True)
        with locked(self.path):
            try:
                yield
            finally:
                self.mark.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Returns once the condition is true. Raises ProcessLost where the first process has not begun after five
        minutes, or has ended.
        """
        since, told = time.monotonic(), False
        lived = since
        while not condition():
            time.sleep(_LOOKS)
            now = time.monotonic()
            if is_held(self.path):
                self.seen, lived = True, now
            elif now - lived > (_TO_END if self.seen else _TO_BEGIN):
                raise ProcessLost(self._gone())
            elif not self.seen and not told and now - since > _TOLD_AFTER:
                _log.warning("process %d of %d waits for process 0 to begin", self.group.rank, self.group.world)
                told = True

    def _gone(self) -> str:
        first = f"process 0 of {self.group.world} "
        if self.seen:
            return f"{first}has ended: start all of them again, and the same command goes on"
        return (
            f"{first}has not begun in {_TO_BEGIN / 60:.0f} minutes: start one for each RANK from 0 to "
            f"{self.group.world - 1}, or unset RANK and WORLD_SIZE"
        )
