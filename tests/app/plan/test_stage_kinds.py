"""Each kind of stage is declared once, and the facts of scorers and rankers are read without importing them."""

import importlib
import inspect
import subprocess
import sys

import pytest

from retrieval_kd.app.execute.run_stage import function_at
from retrieval_kd.app.plan.class_facts import fact, texts
from retrieval_kd.app.plan.instantiate import targets
from retrieval_kd.app.plan.stage_kinds import KINDS, StageKind
from tests.contracts.options import names, option

SCORERS = ("asymmetric.Asymmetric", "cross.Cross", "dual.Dual", "ensemble.Ensemble", "late.Late", "stored.Stored")
FACTS = ("kind", "ranker", "exhaustive", "reads_texts", "reads_pairs", "passage_tower", "teachable", "offers", "HEAD")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_names_functions_of_a_config_and_the_work(kind: StageKind) -> None:
    for place in filter(None, (kind.function, kind.helper)):
        assert list(inspect.signature(function_at(place)).parameters) == ["config", "work"]


def test_what_a_kind_does_follows_from_what_it_reads() -> None:
    facts = ("trains", "ranks", "mines", "rescores", "evaluates")
    assert {name: [one for one in facts if getattr(kind, one)] for name, kind in KINDS.items()} == {
        "train": ["trains"],
        "mine": ["ranks", "mines"],
        "score": ["rescores"],
        "evaluate": ["ranks", "evaluates"],
    }


@pytest.mark.parametrize("name", SCORERS)
def test_the_facts_read_from_a_scorer_s_source_are_those_of_its_class(name: str) -> None:
    module, _, kind = name.partition(".")
    scorer = getattr(importlib.import_module(f"retrieval_kd.scorers.{module}"), kind)
    for one in FACTS:
        assert fact(f"retrieval_kd.scorers.{name}", one) == getattr(scorer, one)


@pytest.mark.parametrize("name", names("ranker"))
def test_the_facts_read_from_a_ranker_s_source_are_those_of_its_class(name: str) -> None:
    for _, target in targets(option("ranker", name)):
        module, _, kind = target.rpartition(".")
        ranker = getattr(importlib.import_module(module), kind)
        for one in ("ranks_by", "KEYLESS"):
            assert texts(target, one) == getattr(ranker, one)


def test_facts_are_read_without_importing_torch() -> None:
    target = "retrieval_kd.scorers.dual.Dual"
    reads = f"from retrieval_kd.app.plan.class_facts import fact; print(fact({target!r}, 'kind'))"
    code = f"{reads}; import sys; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["dual", "False"]
