"""The option files as Hydra sees them: which groups there are, and what a set of choices composes to."""

import pickle
from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from retrieval_kd.app.cli.hydra_cache import remember_files
from retrieval_kd.app.cli.overrides import Override, has, keys, nearest
from retrieval_kd.app.cli.schema import GROUPS, Root
from retrieval_kd.app.cli.suggest import did_you_mean
from retrieval_kd.errors import UserError

CONFIG = "config"
ROOT_KEYS = tuple(key.name for key in fields(Root))
CHOSEN = (*GROUPS, "machine", "tracking", "experiment")
COMBINED = ("callbacks",)  # groups of which several options may be chosen: callbacks=[lr_monitor,device_stats]


class Options:
    """Composes choices of options, each set of choices once. Needs Hydra to be initialised."""

    def __init__(self, hydra_words: Sequence[str] = ()) -> None:
        """`hydra_words` (hydra.searchpath=…) go into every composition."""
        self.hydra_words = list(hydra_words)
        self._composed: dict[tuple[str, ...], bytes] = {}  # pickled: a deep copy takes several times as long
        self._names: dict[str, list[str]] = {}
        if not OmegaConf.has_resolver("artifact"):
            OmegaConf.register_new_resolver("artifact", lambda name: f"${{artifact:{name}}}")

    @cached_property
    def groups(self) -> frozenset[str]:
        """The groups of options: student, teacher, …, and Hydra's own."""
        loader = GlobalHydra.instance().config_loader()
        inner = (f"hydra/{name}" for name in loader.list_groups("hydra"))
        return frozenset([*loader.list_groups(""), *inner])

    def names(self, group: str) -> list[str]:
        """The options of a group; those in its subfolders as `folder/option`."""
        if group not in self._names:
            loader = GlobalHydra.instance().config_loader()
            names = list(loader.get_group_options(group, ObjectType.CONFIG, CONFIG, self.hydra_words))
            for folder in loader.list_groups(group):
                names += [f"{folder}/{name}" for name in self.names(f"{group}/{folder}")]
            self._names[group] = names
        return self._names[group]

    def plain(self, group: str) -> list[str]:
        """The options of a group that are its own: what is suggested; those in subfolders are recipes' parts."""
        return [name for name in self.names(group) if "/" not in name]

    def compose(self, choices: Sequence[str]) -> DictConfig:
        """The whole config with these choices and no other override: a copy that may be changed. Raises UserError."""
        key = tuple(sorted(choices))
        if key not in self._composed:
            remember_files()
            try:
                composed = compose(CONFIG, [*self.hydra_words, *choices])
            except (HydraException, OmegaConfBaseException, ValueError) as error:
                raise UserError(f"{' '.join(choices) or 'the defaults'}: {str(error).splitlines()[0]}") from None
            self._composed[key] = pickle.dumps(composed, pickle.HIGHEST_PROTOCOL)
        config: DictConfig = pickle.loads(self._composed[key])  # noqa: S301 (bytes of this process)
        return config

    def options_having(self, override: Override) -> list[str]:
        """The options of the override's group that have its key."""
        options = self.plain(override.group) if override.group in GROUPS else []
        return [name for name in options if has(self.compose([f"{override.group}={name}"]), override.key)]

    def problem_of_choice(self, override: Override) -> str | None:
        """What is wrong with an override that chooses an option, if anything."""
        if "@" in override.key:
            return (
                f"{override.as_typed}: on the command line an option takes its group's place; to put it inside "
                "another one, write an option file (--config-dir)"
            )
        if override.group not in CHOSEN and not override.group.startswith("hydra"):
            groups = ", ".join(CHOSEN)
            return f"{override.as_typed}: {override.key} is part of other groups' options; the groups are {groups}"
        names = self.names(override.key)
        several = override.key in COMBINED and isinstance(override.value, list)
        values = override.value if several else [override.value]
        if override.deletes or override.adds or not all(isinstance(value, str) for value in values):
            return f"{override.as_typed}: give one option of this group, as in {override.key}={names[0]}"
        unknown = [value for value in values if value not in names]
        if not unknown:
            return None
        return (
            f"{override.as_typed}: there is no such option{did_you_mean(unknown[0], names, prefix=override.key + '=')}"
        )

    def problem_of_key(self, override: Override, configs: Sequence[DictConfig]) -> str | None:
        """What is wrong with an override whose key none of the configs has."""
        message = f"{override.as_typed}: there is no key {override.key}"
        if override.group not in ROOT_KEYS:
            return message + did_you_mean(override.group, ROOT_KEYS)
        if any(override.adds or has(config, override.key) for config in configs):
            return None
        if having := self.options_having(override):
            return f"{message} in this option; {override.group}={f' and {override.group}='.join(having)} would have it"
        return message + nearest(override.key, {key for config in configs for key in keys(config)})
