"""Readers give something or raise a UserError, and read again what was written; findings of `make fuzz` stay here."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from retrieval_kd.errors import UserError
from retrieval_kd.text.judgments import GREATEST_GRADE, Judgments
from retrieval_kd.text.run import Run
from retrieval_kd.text.score_file import read_scores
from tests.fuzz.contents import contents
from tests.fuzz.readers import SEEDS, Readers

FEW = settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=[*HealthCheck])
IDS = some.text(some.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=5)
CHECKS = {"tensors"}  # what only looks, and gives nothing
# of the fuzz: what once ended a reader with something else
FINDINGS = [("report", b'{"qeury": "q1", "RR@10": 0.5}\n'), ("report", b'{"query": ["q1"], "RR@10": 0.5}\n')]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Readers:
    return Readers(tmp_path_factory.mktemp("readers"))


@pytest.mark.parametrize("name", SEEDS)
def test_a_reader_reads_a_good_file(readers: Readers, name: str) -> None:
    assert (readers.read(name, SEEDS[name]) is None) == (name in CHECKS)


@pytest.mark.parametrize("name", SEEDS)
@given(data=some.data())
@settings(FEW, max_examples=8)
def test_a_reader_raises_nothing_but_a_user_error(readers: Readers, name: str, data: some.DataObject) -> None:
    with contextlib.suppress(UserError):
        readers.read(name, data.draw(contents(name)))


@pytest.mark.parametrize(("name", "content"), FINDINGS)
def test_what_the_fuzz_found_is_refused(readers: Readers, name: str, content: bytes) -> None:
    with pytest.raises(UserError):
        readers.read(name, content)


@given(some.dictionaries(IDS, some.dictionaries(IDS, some.floats(allow_nan=False), min_size=1, max_size=4), max_size=4))
@FEW
def test_a_run_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, lists: dict[str, dict]) -> None:
    path = tmp_path_factory.mktemp("run") / "run.trec"
    run = Run.of({query: list(listed.items()) for query, listed in lists.items()})
    run.write(path)
    assert Run.read(path) == run


SCORES = some.floats(width=32, allow_nan=False, allow_infinity=False)
GRADES = some.integers(-GREATEST_GRADE, GREATEST_GRADE)


@given(some.dictionaries(IDS, some.dictionaries(IDS, GRADES, min_size=1, max_size=4), max_size=4))
@FEW
def test_judgments_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, grades: dict[str, dict[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("qrels") / "train.tsv"
    Judgments(grades).write(path)
    assert Judgments.read(path) == Judgments(grades)


@given(some.dictionaries(some.tuples(IDS, IDS), SCORES, min_size=1))
@FEW
def test_scores_are_the_same_as_pairs_and_as_lists(
    tmp_path_factory: pytest.TempPathFactory, scores: dict[tuple[str, str], float]
) -> None:
    folder: Path = tmp_path_factory.mktemp("scores")
    rows = "".join(f"{query}\t{passage}\t{score!r}\n" for (query, passage), score in scores.items())
    (folder / "pairs.tsv").write_text(rows, encoding="utf-8")
    lists = (
        {"query_id": query, "passage_ids": [passage], "scores": [score]} for (query, passage), score in scores.items()
    )
    (folder / "lists.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lists), encoding="utf-8")
    pairs = read_scores(folder / "pairs.tsv", "pairs")
    assert pairs == read_scores(folder / "lists.jsonl", "lists")
    assert {(query, found.passage_id): found.score for query in pairs.lists for found in pairs.lists[query]} == scores
