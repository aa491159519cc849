"""A key that nobody knows is refused wherever it stands, and what was meant is said where something is near."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import InstantiationException

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.cli.schema import register
from retrieval_kd.app.plan import roles, signatures
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.errors import UserError
from tests.app.conftest import write_collection
from tests.contracts.options import CONF, groups, names, option

Node = dict[str, Any]
EVERY = [(group, name) for group in groups() if group != "scorer" for name in names(group)]
BUILT = ("corpus", "loss", "curriculum", "data", "optim")  # light ones, built when planned
KEY = "surprise"


def mappings(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where a node holds mappings, itself among them."""
    if isinstance(node, dict):
        yield path
        for key, value in node.items():
            yield from mappings(value, (*path, key))


def added(node: Any, path: tuple[str, ...]) -> Node:
    """The node with one more key at a place."""
    if not path:
        return {**node, KEY: 1}
    return {**node, path[0]: added(node[path[0]], path[1:])}


def problems_of(group: str, node: Node) -> list[str]:
    """What a plan refuses of a group's node alone."""
    sentences = [*signatures.problems(node, group), *roles.shape_problems({group: node})]
    if group in BUILT and not sentences:
        try:
            build({**node, **({"path": "."} if "path" in node else {})}, group)
        except (UserError, InstantiationException) as error:
            sentences = [str(getattr(error, "__cause__", None) or error)]
    return sentences


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_a_key_too_many_is_refused_at_every_depth_of_every_option(group: str, name: str) -> None:
    node = option(group, name)
    for path in mappings(node):
        sentences = problems_of(group.partition("/")[0], added(node, path))
        assert any(KEY in sentence for sentence in sentences), f"{group}={name}: {'.'.join(path)}"


MESSAGES = {  # an override → its message
    "+surprise=1": r"\+surprise=1: there is no key surprise; there are: artifacts",
    "+optm.lr=1e-4": r"there is no key optm\.lr; did you mean optim\?",
    "+at.train.surprise=1": r"stage train: .*there is no key surprise",
    "+at.train.optim.stps=3": r"stage train: .*there is no key optim\.stps; did you mean optim\.steps\?",
    "+at.train.loss.terms.kl.surprise=1": r"surprise",
    "+at.trian.optim.lr=1e-4": r"distil has no such stage; did you mean train\?",
    "+student.dropuot=0.1": r"student\.dropuot: Dual has no argument dropuot; did you mean dropout\?",
    "+teacher.late.scael=3": r"teacher\.late\.scael: Late has no argument scael; did you mean scale\?",
    "+loss.terms.kl.wieght=1": r"loss\.terms\.kl\.wieght: ListwiseKL has no argument wieght; did you mean weight\?",
    "+loss.echoes.surprise=1": r"loss\.echoes has no key surprise, and a new one is a mapping with of",
    "+loss.echoes.again={of: student, redraw: passages}": r"an echo has of, a role, and redraw: passage, query, both",
    "+loss.echoes.again={of: student}": r"an echo has of, a role, and redraw: passage, query, both",
    "+optim.schedule_options.surprise=1": r"optim\.schedule=linear reads no option of its own",
    "+data.dark.surprise=1": r"data\.dark=.*: choose what stands there by an option, as data=dark",
    "+ranker.candidates.surprise=1": r"ranker\.candidates=.*: choose what stands there by an option",
    "data.further=[{negatives: 1, surprise: 2}]": r"data\.further\[0\]",
    "+evaluation.candidates.surprise=1": r"evaluation\.candidates\.surprise: BM25 has no argument surprise",
    "+machine.devces=2": r"machine\.devces: machine has no argument devces; did you mean devices\?",
    "+tracking.surprise=1": r"tracking\.surprise: Files has no argument surprise",
    "+stages.train.surprise=1": r"stages\.train: give \{run: .*\}, not",
}


@pytest.fixture(scope="module")
def options() -> Options:
    return Options()


@pytest.fixture
def planned(options: Options, tmp_path: Path) -> Iterator[Any]:
    """Plans over six passages."""
    folder = write_collection(tmp_path / "six")
    register()
    GlobalHydra.instance().clear()

    def plan(*words: str) -> Plan:
        return checked_plan(["corpus=beir", f"corpus.path={folder}", *words], options)

    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield plan


@pytest.mark.slow
@pytest.mark.parametrize("word", MESSAGES)
def test_a_word_with_a_key_that_nobody_knows_is_refused(word: str, planned: Any) -> None:
    with pytest.raises(UserError, match=MESSAGES[word]):
        planned(word)
