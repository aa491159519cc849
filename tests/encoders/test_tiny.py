"""The backbone that tests run on."""

from pathlib import Path

import torch

from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.encoders.encoder import TextEncoder
from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.encoders.weights import digest


def test_every_word_is_one_piece_whatever_its_case(tmp_path: Path) -> None:
    pieces = vocabulary(str(write_tiny(tmp_path, ["Red fox", "the dog."]))).ragged(["red FOX.", "fox", "cat"])
    assert [len(pieces[number]) for number in range(3)] == [3, 1, 1]
    assert pieces[0][1] == pieces[1][0]
    assert pieces[2].tolist() == [1]  # [UNK]


def test_the_same_seed_writes_the_same_backbone_and_leaves_the_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, two, three = (
        write_tiny(tmp_path / name, ["a b"], seed=seed) for name, seed in (("one", 1), ("two", 1), ("three", 2))
    )
    assert torch.equal(torch.rand(3), expected)
    assert digest(str(one)) == digest(str(two))
    assert digest(str(one)) != digest(str(three))


def test_it_has_the_size_that_was_asked_for(tmp_path: Path) -> None:
    encoder = TextEncoder.load(write_tiny(tmp_path, ["a"], layers=5, dim=8), layers=None, dropout=0.0)
    assert (encoder.depth, encoder.width) == (5, 8)
