"""Classes from outside: who may name them, which they may be, and what of them is in a key."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.plan import plugins
from retrieval_kd.app.plan.class_facts import fact
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.errors import UserError

TERM = """
from retrieval_kd.losses.contrastive import Contrastive
from retrieval_kd.losses.term import Term
from outside_parts.numbers import FACTOR

class Doubled(Contrastive):
    def forward(self, views, batch):
        return FACTOR * super().forward(views, batch)

class Unfinished(Term):
    def wants(self, step):
        return {}

class Stranger:
    pass
"""
FACTS = """
WORDS = "near", "far"

class Base:
    ranker = "rerank"

class Kind(Base):
    offers = frozenset({"scores"})
    kind = WORDS[0]
"""
LOSS = ("loss=contrastive", "loss.terms.contrastive._target_=outside_parts.terms.Doubled")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package from outside, where Python finds it."""
    folder = tmp_path / "outside_parts"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "terms.py").write_text(TERM)
    (folder / "facts.py").write_text(FACTS)
    (folder / "numbers.py").write_text("FACTOR = 2.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    forget_it()


def forget_it() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "outside_parts"]:
        del sys.modules[name]


def key_of_training(plan: Plan) -> str:
    return plan.named("train").key


def test_a_class_from_outside_needs_its_package_on_the_command_line(package: Path, plan: Callable[..., Plan]) -> None:
    with pytest.raises(UserError, match=r"a class from outside needs plugins=\[outside_parts\] on the command line"):
        plan(*LOSS)
    made = plan("plugins=[outside_parts]", *LOSS)
    assert made.plugins == ("outside_parts",)
    assert list(made.named("train").key_of["plugins"]) == ["outside_parts.terms.Doubled"]
    assert "plugins" not in made.named("start").key_of
    assert plugins.allowed_packages() == (), "no longer than the plan is made"


def test_the_key_changes_with_the_code_that_a_class_uses_of_its_package(
    package: Path, plan: Callable[..., Plan]
) -> None:
    first = key_of_training(plan("plugins=[outside_parts]", *LOSS))
    (package / "facts.py").write_text("# not used by the term\n")
    assert key_of_training(plan("plugins=[outside_parts]", *LOSS)) == first
    (package / "numbers.py").write_text("FACTOR = 3.0  # not the same\n")
    with pytest.raises(UserError, match=r"the code of outside_parts\.terms has changed since it was imported"):
        plan("plugins=[outside_parts]", *LOSS)
    forget_it()
    assert key_of_training(plan("plugins=[outside_parts]", *LOSS)) != first


def test_a_plugin_that_nothing_reads_leaves_keys_alone_and_is_told(package: Path, plan: Callable[..., Plan]) -> None:
    without, with_it = plan(), plan("plugins=[outside_parts]")
    assert key_of_training(with_it) == key_of_training(without)
    assert "plugins=[outside_parts]: no stage reads a class of outside_parts" in with_it.notes


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Stranger", r"Stranger is no Term; of a plugin loss takes subclasses of retrieval_kd\.losses\.term\.Term"),
        ("Contrastive", r"outside_parts\.terms defines no class Contrastive"),
        ("Nobody", r"outside_parts\.terms defines no class Nobody"),
        ("Unfinished", "Unfinished lacks forward, which every Term has"),
    ],
)
def test_a_plugin_brings_classes_of_its_own_that_fit_their_group(
    name: str, message: str, package: Path, plan: Callable[..., Plan]
) -> None:
    with pytest.raises(UserError, match=message):
        plan(
            "plugins=[outside_parts]", f"loss.terms.contrastive._target_=outside_parts.terms.{name}", "loss=contrastive"
        )


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("plugins=[no_such_package_here]", "Python finds no package no_such_package_here"),
        ("plugins=[retrieval_kd]", "brings its own classes"),
        ("plugins=outside_parts", r"give a list of packages, as in plugins=\[my_package\]"),
        ("plugins=[./outside]", r"is no name that Python could import"),
        ("+at.train.plugins=[outside_parts]", "plugins are for all stages"),
    ],
)
def test_what_is_no_list_of_packages_is_refused(
    word: str, message: str, package: Path, plan: Callable[..., Plan]
) -> None:
    with pytest.raises(UserError, match=message):
        plan(word)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            "name: wide\nplugins: [outside_parts]\nstages: {bm25: {run: evaluate, with: [ranker=bm25]}}\n",
            "an option file",
        ),
        (
            "name: wide\nstages: {bm25: {run: evaluate, with: ['plugins=[outside_parts]']}}\n",
            "on the command line alone",
        ),
    ],
)
def test_a_recipe_names_no_plugin(
    recipe: str, message: str, package: Path, tmp_path: Path, corpus: list[str], options: Options
) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "wide.yaml").write_text(f"# @package _global_\n{recipe}")
    with pytest.raises(UserError, match=message):
        checked_plan([*corpus, "experiment=wide"], Options([f"hydra.searchpath=[file://{tmp_path}]"]))


def test_what_an_artifact_holds_widens_nothing(package: Path) -> None:
    node = {"_target_": "outside_parts.terms.Doubled", "plugins": ["outside_parts"]}
    with pytest.raises(UserError, match=r"a class from outside needs plugins=\[outside_parts\]"):
        build(node, "loss")
    assert "outside_parts.terms" not in sys.modules, "no code of it has run"


def test_a_class_of_the_framework_s_dependencies_is_no_plugin_to_name(plan: Callable[..., Plan]) -> None:
    with pytest.raises(UserError) as refused:
        plan("+callbacks.mine._target_=pytorch_lightning.callbacks.RichProgressBar")
    assert "plugins=" not in str(refused.value)


def test_facts_of_a_class_are_read_with_or_without_an_annotation(package: Path) -> None:
    assert fact("outside_parts.facts.Kind", "offers") == {"scores"}
    assert fact("outside_parts.facts.Kind", "ranker") == "rerank"
    with pytest.raises(
        UserError, match=r"outside_parts\.facts\.Kind\.kind = WORDS\[0\]: plans read it without running"
    ):
        fact("outside_parts.facts.Kind", "kind")
