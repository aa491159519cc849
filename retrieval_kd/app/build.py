"""The one place where a config node becomes an object."""

from collections.abc import Iterator, Mapping
from typing import Any

from retrieval_kd.text.fault import Fault

ALLOWED = ("retrieval_kd.", "torch.optim.")


def build(node: Any, **given: Any) -> Any:
    """The object that a node with `_target_` describes, inner nodes first; `given` are arguments no config can hold.

    Raises Fault if a target is outside this package and torch.optim, or if the object refuses its arguments with one.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    for where, target in targets(node):
        if not target.startswith(ALLOWED):
            raise Fault(f"{where}={target}: only targets under {' and '.join(ALLOWED)} are built")
    try:
        return instantiate(node, _convert_="all", **given)
    except InstantiationException as fault:
        if isinstance(fault.__cause__, Fault):
            raise fault.__cause__ from None
        raise


def targets(node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(where, target) of a node and of all inside it."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            path = f"{prefix}.{key}" if prefix else str(key)
            if key == "_target_":
                yield path, str(value)
            else:
                yield from targets(value, path)
