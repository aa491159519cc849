"""A process that is gone without a word ends the others."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

pytestmark = pytest.mark.slow

PROCESS = """
import sys, time
import torch, torch.distributed as dist
from retrieval_kd.distil.heartbeat import Heartbeat

def broadcast(value):
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]

def all_agree(value):
    least = torch.tensor(int(value))
    dist.all_reduce(least, op=dist.ReduceOp.MIN)
    return bool(least)

dist.init_process_group("gloo")
beat = Heartbeat(every=0.1, patience=2.0)
beat.start(broadcast, all_agree)
print("begun", flush=True)
if sys.argv[1] == "ends" and dist.get_rank() == 1:
    beat.stop()
    time.sleep(4)
    sys.exit(0)
if sys.argv[1] == "ends":
    time.sleep(4)
    beat.stop()
    sys.exit(0)
dist.all_reduce(torch.ones(1)) if dist.get_rank() == 0 else time.sleep(60)
dist.all_reduce(torch.ones(1))
"""


@contextmanager
def two(port: int, how: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes of one group, killed at the end."""
    address = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        both = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROCESS, how], env={**os.environ, **address, "RANK": str(rank)}, **pipes
                )  # type: ignore[call-overload]
            )
            for rank in (0, 1)
        ]
        try:
            yield both
        finally:
            for process in both:
                process.kill()


@pytest.mark.parametrize("gone", [0, 1])
def test_a_process_that_stands_still_ends_the_other_one_with_a_sentence(gone: int, free_port: int) -> None:
    with two(free_port, "waits") as both:
        assert [process.stdout.readline() for process in both if process.stdout] == ["begun\n"] * 2
        both[gone].send_signal(signal.SIGSTOP)
        _, output = both[1 - gone].communicate(timeout=60)
        assert both[1 - gone].returncode == 1
        assert (
            f"process {gone} of 2 has given no sign of life for 2 s: this one ends; the same command goes on" in output
        )


def test_one_that_is_through_is_not_taken_for_gone(free_port: int) -> None:
    with two(free_port, "ends") as both:
        assert [process.wait(timeout=60) for process in both] == [0, 0]
