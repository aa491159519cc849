"""A stage on several devices of this machine: torchrun children on the resolved task, their parent only watching."""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

import retrieval_kd
from retrieval_kd.app.cli.status import show_status
from retrieval_kd.app.execute.run_stage import Task, run_stage
from retrieval_kd.app.plan import plugins
from retrieval_kd.errors import ChildrenFailed, UserError
from retrieval_kd.io.disk_errors import disk_problem
from retrieval_kd.text.signals import Stopped, stops

TASK, ERROR = "task.yaml", "error.txt"
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl


def run_by_torchrun(task: Task, *, lock: int) -> None:
    """Runs the task as `machine.devices` processes under torchrun. They hold the artifact's lock as long as they live.

    Raises UserError with what a child refused, ChildrenFailed if they fail otherwise.
    """
    folder = Path(task.folder)
    (folder / ERROR).unlink(missing_ok=True)
    task.write(folder / TASK)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={task.machine['devices']}",
    ]
    command += ["-m", "retrieval_kd.app.execute", str(folder / TASK)]
    child = subprocess.Popen(command, pass_fds=(lock,), preexec_fn=_end_with_parent, env=_environment(task))
    try:
        status = child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise
    if (folder / ERROR).exists():
        raise UserError((folder / ERROR).read_text(encoding="utf-8"))
    if status != 0:
        raise ChildrenFailed(
            f"{task.stage} on {task.machine['devices']} devices ended with exit status {status}; its output is above"
        )


def child(path: Path) -> int:
    """What each torchrun process runs: the task in the file. Leaves a UserError to the parent; gives an exit status."""
    task = Task.read(path)
    rank = int(os.environ["RANK"])
    show_status(first=rank == 0)
    try:
        with stops():
            run_stage(task, rank=rank)
    except UserError as error:
        (Path(task.folder) / ERROR).write_text(str(error), encoding="utf-8")
        return 2
    except Stopped as stopped:
        return 128 + stopped.number
    except Exception as error:
        if (problem := disk_problem(error)) is None:
            raise
        sys.stderr.write(f"{problem}\n")
        return 2
    return 0


def _environment(task: Task) -> dict[str, str]:
    """This package and the plugins are importable wherever they lie; cores are shared out (torchrun sets one thread a
    process unless set).
    """
    threads = task.machine.get("threads") or max(1, (os.cpu_count() or 1) // int(task.machine["devices"]))
    home = str(Path(retrieval_kd.__file__).resolve().parent.parent)
    before = filter(None, [os.environ.get("PYTHONPATH")])
    path = os.pathsep.join([home, *before, *plugins.folders(task.plugins)])
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": path}


def _end_with_parent() -> None:
    """Killed parents take their children along (Linux); elsewhere the lock still keeps a second run waiting."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)
