"""Rows by the content of a text, on disk in whole segments."""

from pathlib import Path

import numpy as np
import torch

from retrieval_kd.batch.tokens import Tokens
from retrieval_kd.scorers.embedding_cache import EmbeddingCache, keys_of, rows_of


def texts(*rows: list[int], second: int = 0) -> Tokens:
    """Rows of pieces, padded with 0; the last `second` of each belong to a pair's second side."""
    width = max(map(len, rows)) + 1
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    mask = torch.tensor([[place < len(row) for place in range(width)] for row in rows])
    segment = torch.tensor([[int(len(row) - second <= place < len(row)) for place in range(width)] for row in rows])
    return Tokens(ids, mask, mask, segment)


def test_a_key_is_the_texts_pieces_and_neither_its_padding_nor_its_row() -> None:
    first, second = keys_of(texts([1, 2], [3]))
    assert keys_of(texts([3])) == [second]
    assert keys_of(texts([1, 2], [9, 9, 9, 9]))[0] == first
    assert len({first, *keys_of(texts([2, 1])), *keys_of(texts([1, 2, 0])), *keys_of(texts([1, 2], second=1))}) == 4
    assert keys_of(rows_of(texts([1, 2], [3]), np.array([1]))) == [second]


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    keys, rows = keys_of(texts([1], [2], [3])), np.arange(6, dtype=np.float32).reshape(3, 2)
    memory = EmbeddingCache(tmp_path)
    memory.add(keys[:2], rows[:2])
    memory.write()
    memory.add(keys[2:], rows[2:])  # never written: as if the process had been killed
    assert memory.known(keys).all()
    again = EmbeddingCache(tmp_path)
    assert again.known(keys).tolist() == [True, True, False]
    assert np.array_equal(again.recall([keys[1], keys[0]]), rows[[1, 0]])


def test_two_processes_may_write_at_once_and_a_half_written_segment_is_not_read(tmp_path: Path) -> None:
    keys, rows = keys_of(texts([1], [2])), np.array([1.0, 2.0], dtype=np.float32)
    one, other = EmbeddingCache(tmp_path), EmbeddingCache(tmp_path)
    one.add(keys[:1], rows[:1])
    other.add(keys[1:], rows[1:])
    one.write()
    other.write()
    (tmp_path / "77-0.part").write_bytes(b"half")
    assert np.array_equal(EmbeddingCache(tmp_path).recall(keys), rows)


def test_a_key_that_ends_in_zeros_is_found_again(tmp_path: Path) -> None:
    memory = EmbeddingCache(tmp_path)
    memory.add([b"k" + b"\0" * 15], np.array([3.0], dtype=np.float32))
    memory.write()
    assert EmbeddingCache(tmp_path).known([b"k" + b"\0" * 15]).all()
