"""Depths that contradict each other are refused when planned."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # every line is a plan of its own

Program = Callable[..., int]
FIT = [
    ["evaluation.measures=[R@1000]", "evaluation.depth=1000"],
    ["data.first=71", "data.last=100", "data.negatives=30"],
    ["experiment=prod"],
    ["evaluation.measures=[AP]"],
    ["teacher=colbert", "loss=self_otf", "evaluation.candidates_per_query=50"],
]
CONTRADICT = [
    (["evaluation.measures=[R@1000]"], "R@1000 looks at 1000 passages, and evaluation.depth=100 ranks fewer"),
    (
        ["evaluation.depth=20"],
        "R@100 looks at 100 passages, and evaluation.depth=20 ranks fewer: give evaluation.depth=",
    ),
    (
        ["teacher=cross_encoder", "loss=listwise_kl", "evaluation.candidates_per_query=50"],
        "evaluation.candidates_per_query=50 gives lists of 50: give evaluation.candidates_per_query=100",
    ),
    (
        ["+at.student.ranker=rerank", "ranker.candidates_per_query=30"],
        "ranker.candidates_per_query=30 gives lists of 30",
    ),
    (
        ["+at.mined.ranker=hybrid", "+at.mined.ranker.list_depth=50"],
        "mining.last=100: ranker.list_depth=50 gives lists of 50: give mining.last=50",
    ),
    (
        ["data.first=101", "data.last=200", "+at.mined.mining.last=100"],
        "data.last=200: the lists of data.candidates have 100 passages: give ranks up to 100",
    ),
    (
        ["+at.student.ranker=rerank", "evaluation.depth=200"],
        "evaluation.depth=200: ranker.candidates_per_query=100 gives lists of 100: give evaluation.depth=100, or "
        "ranker.candidates_per_query=200",
    ),
    (["mining.first=91"], "data.last=30: the lists of data.candidates have 10 passages"),
    (["data.negatives=31"], "ranks 1 to 30 hold 30: give fewer, or data.last=31"),
    (
        ["data.further=[{negatives:3,first:90,last:120,order:best}]"],
        "data.further[0].last=120: the lists of data.candidates have 100 passages",
    ),
    (
        [
            "loss=rank_groups",
            "curriculum=rank_groups",
            "teacher=none",
            "curriculum.groups=[{last:10,label:reciprocal}]",
        ],
        "curriculum.groups end at rank 10, and data draws passages down to rank 30, which would not count",
    ),
    (
        ["evaluation.measures=[AP]", "+at.student.ranker=rerank", "+at.student.ranker.candidates_per_query=30"],
        "AP looks at 100 passages, and ranker.candidates_per_query=30 gives lists of 30",
    ),
    (
        ["teacher=colbert", "loss=self_otf", "evaluation.exhaustive=0", "evaluation.candidates_per_query=50"],
        "evaluation.candidates_per_query=50 gives lists of 50",
    ),
    (
        ["experiment=prod", "+at.confusing.mining.student_window=[2,500]"],
        "mining.student_window=[2, 500] is deeper than mining.depth=30",
    ),
]


@pytest.mark.parametrize(("words", "message"), CONTRADICT, ids=lambda value: " ".join(value)[:60] if value else None)
def test_depths_that_contradict_each_other_are_refused(
    program: Program, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], message: str
) -> None:
    assert program("dry_run=true", *words) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", FIT, ids=lambda words: words[0])
def test_depths_that_fit_are_planned(program: Program, words: list[str]) -> None:
    assert program("dry_run=true", *words) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.first=3", "data.negatives=2"], "data.first=3 on: the longest list of {run} has 3: give ranks and"),
        (["data.first=4", "data.negatives=1"], "data.negatives=1 from rank data.first=4 on"),
        (["+at.bm25.ranker=run_file", "+at.bm25.ranker.path={run}"], "R@100 looks at 100 passages, and the longest"),
    ],
)
def test_a_given_run_whose_lists_are_too_short_is_refused(
    program: Program, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], message: str
) -> None:
    run = tmp_path / "own.trec"
    run.write_text("".join(f"q0 Q0 p{rank} {rank} {-rank} own\n" for rank in (1, 2, 3)) + "q1 Q0 p1 1 1 own\n")
    given = [word.format(run=run) for word in words]
    assert program("dry_run=true", f"+at.train.data.candidates={run}", *given) == 2
    assert message.format(run=run) in capsys.readouterr().err


def test_a_given_run_with_one_list_that_is_long_enough_is_planned(program: Program, tmp_path: Path) -> None:
    run = tmp_path / "own.trec"
    run.write_text("".join(f"q0 Q0 p{rank} {rank} {-rank} own\n" for rank in (1, 2, 3)))
    assert program("dry_run=true", f"+at.train.data.candidates={run}", "data.first=2", "data.negatives=2") == 0
