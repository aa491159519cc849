"""The language of the shell and of a stage's `with`: overrides that choose an option or set a value."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override as HydraOverride
from hydra.errors import HydraException
from omegaconf import DictConfig

from retrieval_kd.app.cli.schema import EVERYWHERE
from retrieval_kd.app.cli.suggest import did_you_mean
from retrieval_kd.errors import UserError

OPTIONAL = "optional "


@dataclass(frozen=True)
class Override:
    """`text` is what Hydra reads; `as_typed` what was typed; `stage` the one stage it is for (None: all)."""

    text: str
    as_typed: str
    key: str
    chooses: bool
    stage: str | None = None
    optional: bool = False
    adds: bool = False
    deletes: bool = False
    value: Any = field(default=None, compare=False)

    @property
    def group(self) -> str:
        """The first name of the key: the group whose option the override is about."""
        return self.key.split(".")[0].split("@")[0]

    @property
    def typed_value(self) -> str:
        """What stands behind the equals sign, as it was typed."""
        return self.text.partition("=")[2].strip()


def parsed(text: str) -> HydraOverride:
    """One override by Hydra's grammar. Raises UserError."""
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{text}: this is not key=value ({reason}); quote values with spaces, commas or brackets: 'key=\"a, b\"'"
        ) from None


def key_of(text: str) -> str:
    """The key that an override is about, swept or not."""
    return parsed(text).key_or_group


def read(text: str, groups: Iterable[str]) -> Override:
    """An override of the command line or of `with`. Raises UserError if it cannot be read."""
    optional, bare = text.startswith(OPTIONAL), text.removeprefix(OPTIONAL).strip()
    override = parsed(bare)
    scope, rest = _scope(override.key_or_group, bare)
    if rest != bare:
        override = parsed(rest)
    if override.is_sweep_override():
        raise UserError(
            f"{bare}: several values are a sweep: add -m to run them all, or give one list, as in key=[a,b]"
        )
    key = override.key_or_group
    return Override(
        text=rest,
        as_typed=rest if scope == EVERYWHERE else text,
        key=key if override.package is None else f"{key}@{override.package}",
        chooses=key in groups,
        stage=None if scope == EVERYWHERE else scope,
        optional=optional,
        adds=override.is_add() or override.is_force_add(),
        deletes=override.is_delete(),
        value=override.value(),
    )


def _scope(key: str, text: str) -> tuple[str | None, str]:
    """(the stage, the override for it): `++at.<stage>.<key>` adds a key there, as `+<key>` does everywhere."""
    if not key.startswith("at."):
        return None, text
    parts = key.split(".", 2)
    if len(parts) < 3 or not parts[2]:
        raise UserError(f"{text}: give +at.<stage>.<key>=value")
    adds = "+" if text.startswith("++") else ""
    return parts[1], adds + text.lstrip("+").removeprefix(f"at.{parts[1]}.")


def has(config: Mapping[Any, Any] | DictConfig, key: str) -> bool:
    """Whether the key stands in the config, be its value null or not."""
    node: Any = config
    for name in key.split("."):
        if not isinstance(node, dict | DictConfig) or _is_leaf(node) or name not in node.keys():  # noqa: SIM118
            return False  # (`in` alone would not see a value that is still to be given)
        node = node._get_node(name) if isinstance(node, DictConfig) else node[name]
    return True


def keys(config: DictConfig, prefix: str = "") -> list[str]:
    """All dotted keys of a config, inner ones and leaves."""
    paths = []
    for name in map(str, config):
        path = f"{prefix}{name}"
        paths.append(path)
        node = config._get_node(name)
        if isinstance(node, DictConfig) and not _is_leaf(node):
            paths += keys(node, f"{path}.")
    return paths


def _is_leaf(node: Any) -> bool:
    return isinstance(node, DictConfig) and (node._is_none() or node._is_missing() or node._is_interpolation())


def nearest(key: str, known: Collection[str]) -> str:
    """What was probably meant by a key that is not there: a sibling under the part that is, or any key."""
    parent, _, last = key.rpartition(".")
    while parent and parent not in known:
        parent, _, last = parent.rpartition(".")
    siblings = (
        {name.removeprefix(f"{parent}.") for name in known if name.startswith(f"{parent}.")} if parent else set(known)
    )
    siblings = {name for name in siblings if "." not in name and not name.startswith("_")}
    if get_close_matches(key, known, n=1, cutoff=0.85):
        return did_you_mean(key, known)
    return did_you_mean(last, siblings, prefix=f"{parent}." if parent else "")
