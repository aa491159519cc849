"""Option files read once for all compositions of a command."""

from copy import copy, deepcopy
from typing import Any

from hydra._internal.config_repository import CachingConfigRepository
from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.config_source import ConfigResult


class Remembered(CachingConfigRepository):
    """Hydra's own cache of read files, which it makes anew for every composition: kept from one to the next.

    A recipe is composed once a set of choices, and each of them reads some twenty files. What is given is a copy, since
    a composition merges into what it was given. Other sources (a search path said on the command line) begin another
    cache.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> "Remembered":
        other = Remembered(self.delegate)
        other.cache = self.cache
        return other

    def initialize_sources(self, config_search_path: Any) -> None:
        super().initialize_sources(config_search_path)
        self.cache = {}

    def load_config(self, config_path: str) -> ConfigResult | None:
        kept = super().load_config(config_path)
        if kept is None:
            return None
        given = copy(kept)
        given.config = deepcopy(kept.config)
        given.defaults_list = deepcopy(kept.defaults_list)
        return given


def remember_files() -> None:
    """From now on Hydra, as it is initialised, reads each option file once."""
    loader: Any = GlobalHydra.instance().config_loader()
    if not isinstance(loader.repository, Remembered):
        loader.repository = Remembered(loader.repository)
