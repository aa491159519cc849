"""Two processes train as one does: same views, same gradients, same parameters after five steps."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.ddp.cases import CASES, STEPS, trained
from tests.ddp.ragged import ragged_ground, write_ragged
from tests.house.tree import ROOT

pytestmark = pytest.mark.slow
EXACT = {"rtol": 0.0, "atol": 1e-9}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ragged collection."""
    made = tmp_path_factory.mktemp("ragged")
    write_ragged(made)
    return made


@pytest.fixture(scope="module")
def two(folder: Path) -> list[dict[str, Any]]:
    """What each of two ranks noted of every case."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [*command, "-m", "tests.ddp.worker", str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return [torch.load(folder / f"rank-{rank}.pt") for rank in (0, 1)]


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest) -> str:
    """One training."""
    return str(request.param)


@pytest.fixture(scope="module")
def one(case: str, folder: Path) -> dict[str, Any]:
    """What one process notes of a case."""
    return trained(case, ragged_ground(folder, folder / "artifacts"), folder / f"alone-{case[:8]}", devices=1)


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.dtype == torch.float64
        torch.testing.assert_close(value, expected[name], **EXACT)


def test_share_gives_the_rows_of_all_ranks_made_equally_long(two: list[dict[str, Any]]) -> None:
    for rank in two:
        assert rank["shared"]["whole"].tolist() == [[1, 2, 0], [3, 4, 5]]
        assert rank["shared"]["marks"].tolist() == [[True, True], [False, True]]
        assert rank["shared"]["numbers"].tolist() == [1, 2]


def test_the_gradient_of_share_is_the_full_one_of_all_ranks_losses(two: list[dict[str, Any]]) -> None:
    # each of two ranks takes x² of rank 0's rows and 10·x² of rank 1's: 2 ranks × 2x, and 2 ranks × 20x
    assert two[0]["shared"]["gradient"].tolist() == [[4, 8]]
    assert two[1]["shared"]["gradient"].tolist() == [[120, 160, 200]]


def test_every_rank_sees_the_view_of_the_whole_step_as_one_process_does(
    case: str, two: list[dict[str, Any]], one: dict[str, Any]
) -> None:
    assert len(one["views"]) == STEPS
    for step in range(STEPS):
        here, there, alone = two[0][case]["views"][step], two[1][case]["views"][step], one["views"][step]
        assert len(here) == len(there) == len(alone) > 0
        for first, second, whole in zip(here, there, alone, strict=True):
            torch.testing.assert_close(first, second, rtol=0.0, atol=0.0, equal_nan=True)
            torch.testing.assert_close(first, whole, **EXACT, equal_nan=True)


def test_gradients_are_those_of_one_process(case: str, two: list[dict[str, Any]], one: dict[str, Any]) -> None:
    for step in range(STEPS):
        expected = one["gradients"][step]
        assert any(bool(gradient.abs().max() > 1e-6) for gradient in expected.values())
        for rank in two:
            found = rank[case]["gradients"][step]
            read = {name: found[name] for name in expected}
            assert_close(read, expected)
            assert all(not bool(found[name].any()) for name in found.keys() - expected.keys())


def test_parameters_after_five_steps_are_those_of_one_process(
    case: str, two: list[dict[str, Any]], one: dict[str, Any]
) -> None:
    for rank in two:
        assert_close(rank[case]["weights"], one["weights"])
