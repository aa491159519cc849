"""Option files are read once a command, and other sources are other files."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins

from retrieval_kd.app.cli.conf_folder import conf_folder
from retrieval_kd.app.cli.schema import register
from retrieval_kd.app.plan.options import Options


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each option file is read from here on, Hydra initialised."""
    reads: Counter[str] = Counter()
    register()
    GlobalHydra.instance().clear()
    Plugins.instance()  # registers the sources of files
    files = SourcesRegistry.instance().resolve("file")
    whole = files.load_config

    def counted(source: Any, config_path: str) -> object:
        reads[config_path] += 1
        return whole(source, config_path)

    monkeypatch.setattr(files, "load_config", counted)
    return reads


@pytest.mark.slow
def test_two_compositions_read_a_file_once_and_say_what_each_alone_says(read: Counter[str]) -> None:
    choices = (
        ["experiment=adam"],
        ["experiment=aligned"],
        ["teacher=cross_encoder", "loss=listwise_kl"],
        ["teacher=none"],
    )
    alone = []
    for choice in choices:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            alone.append(Options().compose(choice))
    read.clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        options = Options()
        assert [options.compose(choice) for choice in choices] == alone
    assert read["teacher/none.yaml"] + read["teacher/none"] == 1
    assert set(read.values()) == {1}


def test_a_search_path_brings_other_files(read: Counter[str], tmp_path: Path) -> None:
    (tmp_path / "teacher").mkdir()
    (tmp_path / "teacher" / "mine.yaml").write_text("# @package teacher\nlate: null\n", encoding="utf-8")
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        assert "mine" not in Options().names("teacher")
        options = Options([f"hydra.searchpath=[file://{tmp_path}]"])
        assert list(options.compose(["teacher=mine"]).teacher) == ["late"]
        assert list(options.compose(["teacher=cascade"]).teacher) == ["late", "cross"]
