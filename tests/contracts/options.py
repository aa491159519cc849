"""The option files as Hydra composes them: each alone, by group."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from tests.house.tree import ROOT

CONF = ROOT / "conf"
NO_FORMS = ("experiment", "stages", "hydra")  # recipes, their parts and Hydra's own: what to do, not what to build


def groups() -> list[str]:
    """The groups whose options describe something that is built."""
    return sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name not in NO_FORMS)


def names(group: str) -> list[str]:
    """The options of a group; those in its subfolders as `folder/option`."""
    folder = CONF / group
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


@cache
def _composed(group: str, name: str) -> str:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_yaml(compose(overrides=[f"+{group}={name}"]))


def option(group: str, name: str) -> dict[str, Any]:
    """An option composed alone, as plain values; a value left to the user stays `???`, and the recipe's seed is 0."""
    composed = _composed(group, name).replace("${seed}", "0")
    values = OmegaConf.to_container(OmegaConf.create(composed), throw_on_missing=False)
    assert isinstance(values, dict)
    return dict(values.get(group.partition("/")[0]) or {})


def forms(node: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(where, node) of every node that names a target, inner ones too."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield where, node
        for key, value in node.items():
            yield from forms(value, f"{where}.{key}")


def every_form() -> list[tuple[str, Mapping[str, Any]]]:
    """Every node with a target in every option, once for each option."""
    every = [(group, name) for group in groups() for name in names(group)]
    return [form for group, name in every for form in forms(option(group, name), f"{group}={name}: {group}")]


def file_of(group: str, name: str) -> Path:
    """The option's file."""
    return CONF / group / f"{name}.yaml"
