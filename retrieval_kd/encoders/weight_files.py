"""The JSON and the safetensors of a folder of weights, looked at without torch: what cannot be read is named."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from retrieval_kd.errors import UserError
from retrieval_kd.io.digests import FileState, file_state, other_than_file

_INDEX = "model.safetensors.index.json"  # of weights in several files
_WHOLE = "give the folder as it was saved"


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises UserError for what is no file, or no JSON."""
    try:
        other = other_than_file(path)
        if other is None:
            return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}): {_WHOLE}") from None
    raise UserError(f"{path} is {other}: {_WHOLE}")


def read_object(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds. Raises UserError for what is none."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise UserError(f"{path} holds JSON that is no object: {_WHOLE}")
    return value


def check_tensor_files(folder: Path) -> None:
    """Raises UserError for a safetensors file of a folder that is cut short or none, and for one that its index names
    and that is not there.
    """
    for path in sorted(folder.glob("*.safetensors")):
        check_tensor_file(path)
    if (folder / _INDEX).exists():
        names = read_object(folder / _INDEX).get("weight_map")
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise UserError(f"{folder / _INDEX} has no weight_map: {_WHOLE}")
        for name in sorted(set(names.values())):
            if not (folder / name).exists():
                raise UserError(f"{folder / name} is missing, which {_INDEX} names: {_WHOLE}")


def check_tensor_file(path: Path) -> None:
    """Raises UserError for a safetensors file that is cut short, or none."""
    try:
        if (other := other_than_file(path)) is not None:
            raise UserError(f"{path} is {other}: {_WHOLE}")
        _opened(path, file_state(path))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): {_WHOLE}") from None


@lru_cache(maxsize=256)
def _opened(path: Path, state: FileState) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except SafetensorError as error:
        raise UserError(f"{path} is damaged, or no safetensors file ({error}): {_WHOLE}") from None
