"""What composing many times costs, paid once: option files are read once, and the collector of cycles rests."""

import gc
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra._internal.config_repository import CachingConfigRepository
from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.config_source import ConfigResult


class Remembered(CachingConfigRepository):
    """Hydra's own cache of read files, which it makes anew for every composition: it outlives a composition here.

    A recipe is composed once a set of choices, and each of them reads some twenty files. What is given is a copy, since
    a composition merges into what it was given; it is unpickled, as a deep copy takes several times as long. Other
    sources (a search path of the command line) begin another cache.
    """

    def __init__(self, delegate: Any) -> None:
        super().__init__(delegate)
        self.pickled: dict[str, bytes] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> "Remembered":
        other = Remembered(self.delegate)
        other.pickled = self.pickled
        return other

    def initialize_sources(self, config_search_path: Any) -> None:
        super().initialize_sources(config_search_path)
        self.pickled = {}

    def load_config(self, config_path: str) -> ConfigResult | None:
        if config_path not in self.pickled:
            self.pickled[config_path] = pickle.dumps(self.delegate.load_config(config_path), pickle.HIGHEST_PROTOCOL)
        result: ConfigResult | None = pickle.loads(self.pickled[config_path])  # noqa: S301 (bytes of this process)
        return result


def remember_files() -> None:
    """From now on Hydra, as it is initialised, reads each option file once."""
    loader: Any = GlobalHydra.instance().config_loader()
    if not isinstance(loader.repository, Remembered):
        loader.repository = Remembered(loader.repository)


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is looked through for cycles inside: configs and modules are a million small objects that stay."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
