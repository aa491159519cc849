"""What is refused of callbacks: one that needs a package that is not there."""

import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

_DEVICE_STATS = "pytorch_lightning.callbacks.DeviceStatsMonitor"


def callback_problems(callbacks: Mapping[str, Any], accelerator: str) -> Iterator[str]:
    """A sentence for each callback that could not begin on this machine."""
    for name, node in callbacks.items():
        if node["_target_"] != _DEVICE_STATS or is_installed("psutil"):
            continue
        asked = node.get("cpu_stats")
        if asked or (asked is None and not _trains_on_gpu(accelerator)):
            yield (
                f"callbacks.{name} reads the CPU by the package psutil: pip install 'retrieval_kd[device-stats]', or "
                f"set callbacks.{name}.cpu_stats=false"
            )


def is_installed(package: str) -> bool:
    """Whether a package is there, which is not imported for it."""
    return importlib.util.find_spec(package) is not None


def _trains_on_gpu(accelerator: str) -> bool:
    import torch

    return accelerator == "gpu" or (accelerator == "auto" and torch.cuda.is_available())
