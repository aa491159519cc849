"""What a word does to a config: sets, adds or deletes a value, read as its key's type asks."""

from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from retrieval_kd.app.cli.overrides import Word, has, keys, nearest
from retrieval_kd.app.plan import signatures
from retrieval_kd.text.fault import Fault


def apply(config: DictConfig, word: Word) -> None:
    """Sets, adds or deletes the word's value. Raises Fault if the key is not there or the value does not fit."""
    if word.deletes:
        _delete(config, word)
        return
    if not word.adds and not has(config, word.key):
        raise Fault(f"{word.said}: there is no key {word.key}{nearest(word.key, keys(config))}")
    accepts = _accepted(config, word.key)
    try:
        OmegaConf.update(config, word.key, meant(word, config), merge=True, force_add=word.adds)
    except (OmegaConfBaseException, ValueError, TypeError) as fault:
        instead = f"; give {accepts}" if accepts else ""
        raise Fault(f"{word.said}: {str(fault).splitlines()[0]}{instead}") from None


def meant(word: Word, config: DictConfig) -> Any:
    """The word's value; where its key takes a text, a number or truth value (2024, 1e5, true) is what was typed."""
    accepts = _accepted(config, word.key)
    scalar = isinstance(word.value, int | float) and word.typed
    return (
        word.typed if scalar and accepts and accepts.text and not signatures.fits(word.value, accepts) else word.value
    )


def _accepted(config: DictConfig, key: str) -> signatures.Accepts | None:
    """What the value of a key may be, by the targets of the nodes on the way to it."""
    plain: dict[str, Any] = {}
    node, here = config, plain
    for name in key.split(".")[:-1]:
        inner = OmegaConf.select(node, name, throw_on_missing=False) if has(node, name) else None
        if not isinstance(inner, DictConfig):
            break
        here[name] = {"_target_": inner["_target_"]} if "_target_" in inner else {}
        node, here = inner, here[name]
    return signatures.accepted(plain, key)


def _delete(config: DictConfig, word: Word) -> None:
    if not has(config, word.key):
        raise Fault(f"{word.said}: there is no key {word.key} to delete")
    parent, _, name = word.key.rpartition(".")
    with open_dict(config):
        del (OmegaConf.select(config, parent) if parent else config)[name]
