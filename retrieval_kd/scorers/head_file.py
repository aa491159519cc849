"""The parameters of a scorer beside its encoders, in a file of their own."""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from retrieval_kd.encoders.weight_files import check_tensor_file
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.record import HEAD_FILE


def save_head(head: nn.Module | None, folder: Path) -> None:
    """Write a head's parameters, where there are any."""
    if head is not None and any(True for _ in head.parameters()):
        save_file({key: value.contiguous() for key, value in head.state_dict().items()}, folder / HEAD_FILE)


def saved_head(folder: Path) -> dict[str, Tensor]:
    """The tensors of the head in a scorer's folder by name; none where it was saved without one."""
    if not (folder / HEAD_FILE).exists():
        return {}
    check_tensor_file(folder / HEAD_FILE)
    return load_file(folder / HEAD_FILE)


def head_sizes(head: nn.Module | None) -> dict[str, list[int]]:
    """The shapes of a head's tensors by name."""
    return {} if head is None else {name: list(value.shape) for name, value in head.state_dict().items()}


def take_head(head: nn.Module | None, saved: dict[str, Tensor], folder: Path, *, kind: str) -> bool:
    """The head becomes what was saved in the folder of a scorer of this kind; whether that is anything. Raises
    UserError for other sizes, and for numbers that are not finite.
    """
    have, want = {name: list(value.shape) for name, value in saved.items()}, head_sizes(head)
    if have != want:
        raise UserError(
            f"{folder}: the saved head is {have or 'not there'}, and this {kind} scorer's is {want or 'none'}: give "
            "the projection or pooling that it was saved with, or null"
        )
    if not all(bool(value.isfinite().all()) for value in saved.values()):
        raise UserError(f"{folder}: the head that was saved there has numbers that are not finite: give one without")
    if head is not None:
        head.load_state_dict(saved)
    return bool(have)
