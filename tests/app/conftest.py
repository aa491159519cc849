"""A collection of six passages, the option files with a recipe for tests beside them, and stages that cost nothing."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.cli.conf_folder import conf_folder
from retrieval_kd.app.cli.schema import register
from retrieval_kd.app.main import run
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage_kinds import KINDS
from tests.app.free_stages import free_kinds

CONF = Path(__file__).with_name("conf")
WORDS = ("heron", "lantern", "granite", "violin", "saffron", "glacier")


def write_collection(folder: Path) -> Path:
    """Six passages, six queries of one word each: three to train with, one for dev, two for test."""
    (folder / "qrels").mkdir(parents=True)
    passages = [{"_id": f"p{n}", "title": "", "text": f"all about the {word}"} for n, word in enumerate(WORDS)]
    queries = [{"_id": f"q{n}", "text": word} for n, word in enumerate(WORDS)]
    for name, rows in (("corpus", passages), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for split, numbers in (("train", (0, 1, 2)), ("dev", (3,)), ("test", (4, 5))):
        rows = "".join(f"q{n}\tp{n}\t1\n" for n in numbers)
        (folder / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_collection(tmp_path_factory.mktemp("beir") / "six")


@pytest.fixture
def corpus(collection: Path) -> list[str]:
    return ["corpus=beir", f"corpus.path={collection}"]


@pytest.fixture(scope="session")
def composed_once() -> Options:
    """What is composed in one test is there for the next."""
    return Options([f"hydra.searchpath=[file://{CONF}]"])


@pytest.fixture
def options(composed_once: Options) -> Iterator[Options]:
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        yield composed_once


@pytest.fixture
def plan(options: Options, corpus: list[str]) -> Callable[..., Plan]:
    """The plan of some words over the collection of six."""
    return lambda *words: checked_plan([*corpus, *words], options)


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: list[str], composed_once: Options
) -> Callable[..., int]:
    """The program with stages that cost nothing, in an empty folder; gives the exit status."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    for name, kind in free_kinds().items():
        monkeypatch.setitem(KINDS, name, kind)
    monkeypatch.setattr("retrieval_kd.app.jobs.Options", lambda *_: composed_once)
    GlobalHydra.instance().clear()
    return lambda *words: run([f"--config-dir={CONF}", *corpus, *words])
