"""What holds for every test: no network, no hub, no tracking service, one thread for each worker.

Arrays are checked against their annotations by `--jaxtyping-packages` in pyproject.toml, which acts before this file is
read: so nothing of retrieval_kd is imported here.
"""

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

os.environ.update(
    HF_HUB_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
    WANDB_MODE="offline",
    WANDB_SILENT="true",
    HYDRA_FULL_ERROR="1",
)
os.environ.setdefault("OMP_NUM_THREADS", "1")


class NetworkRefused(Exception):
    """A test tried to reach another machine."""


def stays_here(host: str) -> bool:
    """Whether a host's name or address is this machine itself; a process group of several processes needs that much."""
    if host in {"", "localhost", socket.gethostname()}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_addresses() -> set[str]:
    """The addresses that this machine's own name stands for (torch.distributed may bind and connect to them)."""
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)}
    except OSError:
        return set()


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Sockets of the test process reach this machine alone; child processes have at least the offline variables."""
    here, connect, connect_ex, look_up = (
        own_addresses(),
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def refuse_elsewhere(host: object) -> None:
        name = host.decode() if isinstance(host, bytes) else str(host or "")
        if not stays_here(name) and name not in here:
            raise NetworkRefused(f"a test tried to reach {name!r}: give it data that it makes itself")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            refuse_elsewhere(address[0])
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            refuse_elsewhere(address[0])
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *args: Any, **options: Any) -> Any:
        refuse_elsewhere(host)
        return look_up(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield
