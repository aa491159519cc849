"""Shards on disk: made once, made whole, made good after a kill."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval_kd.io.intact import write_sum
from retrieval_kd.ranking.resume.shards import Shards, fill

Array = NDArray[Any]
WHOLE = np.arange(22, dtype=np.float32).reshape(11, 2)


def from_whole(numbers_made: list[int]) -> Any:
    """Makes rows of WHOLE and notes which were asked for."""

    def make(rows: Array) -> Array:
        numbers_made.extend(rows.tolist())
        return WHOLE[rows]

    return make


def read(shards: Shards, rows_per_block: int = 3) -> Array:
    return np.concatenate([block for _, block in shards.blocks(rows_per_block)])


def test_eleven_rows_in_shards_of_four_are_three_files_that_read_as_the_whole(tmp_path: Path) -> None:
    shards = fill(Shards(tmp_path, 11, 4), from_whole([]), label="rows")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00000.npy",
        "00000.npy.sha256",
        "00001.npy",
        "00001.npy.sha256",
        "00002.npy",
        "00002.npy.sha256",
    ]
    assert [len(shards.shard(number)) for number in range(3)] == [4, 4, 3]
    assert [first for first, _ in shards.blocks(3)] == [0, 3, 4, 7, 8]
    np.testing.assert_array_equal(read(shards), WHOLE)


def test_a_second_filling_makes_nothing(tmp_path: Path) -> None:
    fill(Shards(tmp_path, 11, 4), from_whole([]), label="rows")
    numbers_made: list[int] = []
    fill(Shards(tmp_path, 11, 4), from_whole(numbers_made), label="rows")
    assert numbers_made == []


def test_a_shard_with_one_bit_changed_is_made_again_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shards = fill(Shards(tmp_path, 11, 4), from_whole([]), label="rows")
    content = bytearray(shards.path(1).read_bytes())
    content[-1] ^= 1
    shards.path(1).write_bytes(content)
    numbers_made: list[int] = []
    np.testing.assert_array_equal(read(fill(shards, from_whole(numbers_made), label="rows")), WHOLE)
    assert numbers_made == [4, 5, 6, 7]
    assert caplog.messages == [f"{shards.path(1)} is not what was written there: it is made again"]


def test_after_a_kill_only_the_shards_that_are_missing_or_cut_short_are_made(tmp_path: Path) -> None:
    shards = fill(Shards(tmp_path, 11, 4), from_whole([]), label="rows")
    shards.path(0).unlink()
    shards.path(2).write_bytes(shards.path(2).read_bytes()[:-3])
    numbers_made: list[int] = []
    fill(shards, from_whole(numbers_made), label="rows")
    assert numbers_made == [0, 1, 2, 3, 8, 9, 10]
    np.testing.assert_array_equal(read(shards), WHOLE)


def test_an_exception_while_a_shard_is_made_leaves_the_ones_before_it(tmp_path: Path) -> None:
    def make(rows: Array) -> Array:
        if rows[0] == 4:
            raise KeyboardInterrupt
        return WHOLE[rows]

    shards = Shards(tmp_path, 11, 4)
    with pytest.raises(KeyboardInterrupt):
        fill(shards, make, label="rows")
    assert [shards.is_whole(number) for number in range(3)] == [True, False, False]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000.npy", "00000.npy.sha256"]


def test_a_shard_that_another_process_made_meanwhile_is_not_made_again(tmp_path: Path) -> None:
    numbers_made: list[int] = []
    shards = Shards(tmp_path, 11, 4)

    def make(rows: Array) -> Array:
        numbers_made.extend(rows.tolist())
        np.save(shards.path(1), WHOLE[4:8])
        write_sum(shards.path(1), shards.path(1))
        return WHOLE[rows]

    np.testing.assert_array_equal(read(fill(shards, make, label="rows")), WHOLE)
    assert numbers_made == [0, 1, 2, 3, 8, 9, 10]


def test_what_a_killed_process_began_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "00001.part").write_bytes(b"half a shard")
    np.testing.assert_array_equal(read(fill(Shards(tmp_path, 11, 4), from_whole([]), label="rows")), WHOLE)
    assert list(tmp_path.glob("*.part")) == []


def test_two_at_once_share_the_work(tmp_path: Path) -> None:
    numbers_made: list[int] = []
    shards = Shards(tmp_path, 11, 1)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(fill, shards, from_whole(numbers_made), label="rows") for _ in range(2)]
    for filled in both:
        np.testing.assert_array_equal(read(filled.result()), WHOLE)
    assert sorted(numbers_made) == list(range(11))


def test_half_precision_is_kept_as_half_and_read_as_single(tmp_path: Path) -> None:
    shards = fill(Shards(tmp_path, 11, 4, "float16"), from_whole([]), label="rows")
    assert shards.shard(0).dtype == np.float16
    block = next(shards.blocks(4))[1]
    assert block.dtype == np.float32
    np.testing.assert_array_equal(block, WHOLE[:4])


def test_a_sample_is_spread_evenly_over_all_rows(tmp_path: Path) -> None:
    shards = fill(Shards(tmp_path, 11, 4), from_whole([]), label="rows")
    assert shards.sample(4)[:, 0].tolist() == [0.0, 6.0, 12.0, 18.0]  # every third row
    assert len(shards.sample(100)) == 11
