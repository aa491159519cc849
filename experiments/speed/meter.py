"""What this process and its children cost: seconds, and memory in MB (2**20 bytes), read from /proc."""

import os
import resource
import threading
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def children(pid: int | str = "self") -> list[int]:
    """The processes that were started by this one, theirs included."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *children(child)]
    return found


def cpu_seconds() -> float:
    """User and system time of this process, of children that ended and of those that run."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(map(_ticks, children())) / _TICKS


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:  # it has ended meanwhile
        return 0
    return int(fields[11]) + int(fields[12])


def status_mb(name: str, pid: int | str = "self") -> float:
    """A line of /proc/<pid>/status, such as VmHWM (the peak of resident memory), VmRSS or RssAnon."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), 0.0)


def peak_mb() -> float:
    """The peak of resident memory: this process's, or that of its greatest child that has ended."""
    return max(status_mb("VmHWM"), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


def anonymous_mb() -> float:
    """RssAnon of this process and its children together."""
    return sum(status_mb("RssAnon", pid) for pid in ("self", *children()))


class Watch(threading.Thread):
    """Looks at the anonymous memory every 20 ms and keeps the peak, which the kernel does not."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mb = anonymous_mb()

    def run(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, anonymous_mb())
            time.sleep(0.02)
