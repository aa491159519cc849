"""What an override does to a config: sets, adds or deletes a value, read as its key's type asks."""

from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from retrieval_kd.app.cli.overrides import Override, has, keys, nearest
from retrieval_kd.app.plan import signatures
from retrieval_kd.app.plan.accepts import Accepts, fits
from retrieval_kd.errors import UserError


def apply(config: DictConfig, override: Override) -> None:
    """Sets, adds or deletes the override's value. Raises UserError if the key is not there or the value does
    not fit.
    """
    if override.deletes:
        _delete(config, override)
        return
    if not override.adds and not has(config, override.key):
        raise UserError(f"{override.as_typed}: there is no key {override.key}{nearest(override.key, keys(config))}")
    accepts = _accepted(config, override.key)
    if override.value == {} and (held := _keys_held(config, override.key)):
        raise UserError(
            f"{override.as_typed}: an empty mapping leaves {override.key} as it is, which has {', '.join(held)}; "
            f"delete keys by name, as in ~{override.key}.{held[0]}"
        )
    try:
        OmegaConf.update(config, override.key, value_of(override, config), merge=True, force_add=override.adds)
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        instead = f"; give {accepts}" if accepts else ""
        raise UserError(f"{override.as_typed}: {str(error).splitlines()[0]}{instead}") from None


def _keys_held(config: DictConfig, key: str) -> list[str]:
    """The keys of the mapping that stands at a key; none where no mapping does."""
    node = OmegaConf.select(config, key, throw_on_missing=False) if has(config, key) else None
    return [str(name) for name in node] if isinstance(node, DictConfig) else []


def value_of(override: Override, config: DictConfig) -> Any:
    """The override's value; where its key takes a text, a number or truth value (2024, 1e5, true) is what was typed."""
    accepts = _accepted(config, override.key)
    scalar = isinstance(override.value, int | float) and override.typed_value
    return (
        override.typed_value
        if scalar and accepts and accepts.text and not fits(override.value, accepts)
        else override.value
    )


def _accepted(config: DictConfig, key: str) -> Accepts | None:
    """What the value of a key may be, by the targets of the nodes on the way to it."""
    plain: dict[str, Any] = {}
    node, plain_node = config, plain
    for name in key.split(".")[:-1]:
        inner = OmegaConf.select(node, name, throw_on_missing=False) if has(node, name) else None
        if not isinstance(inner, DictConfig):
            break
        plain_node[name] = {"_target_": inner["_target_"]} if "_target_" in inner else {}
        node, plain_node = inner, plain_node[name]
    return signatures.accepted(plain, key)


def _delete(config: DictConfig, override: Override) -> None:
    if not has(config, override.key):
        raise UserError(f"{override.as_typed}: there is no key {override.key} to delete")
    parent, _, name = override.key.rpartition(".")
    with open_dict(config):
        del (OmegaConf.select(config, parent) if parent else config)[name]
