"""MaxSim of many texts at once against the scorer's own."""

import pytest
import torch

from retrieval_kd.ranking import interaction
from retrieval_kd.ranking.interaction import TokenVectors, every_pair, listed_pairs
from retrieval_kd.scorers.late import max_sim


def texts(lengths: list[int], seed: int) -> TokenVectors:
    tokens = torch.randn(sum(lengths), 6, generator=torch.Generator().manual_seed(seed))
    return TokenVectors(tokens, torch.tensor([0, *lengths]).cumsum(0))


def padded(vectors: TokenVectors) -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.arange(int(vectors.lengths.max())) < vectors.lengths[:, None]
    tokens = torch.full((*mask.shape, 6), 9.0)
    tokens[mask] = vectors.tokens
    return tokens, mask


QUERIES = texts([3, 1, 5, 0, 2], seed=1)
PASSAGES = texts([4, 2, 0, 7, 2, 1, 4, 9], seed=2)


def direct() -> torch.Tensor:
    (query, query_mask), (passage, passage_mask) = padded(QUERIES), padded(PASSAGES)
    return max_sim(query, passage, query_mask, passage_mask)


def test_a_query_of_two_tokens_and_a_passage_of_two_score_the_sum_of_the_best() -> None:
    query = TokenVectors(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 2]))
    passage = TokenVectors(torch.tensor([[3.0, 1.0], [-1.0, 4.0]]), torch.tensor([0, 2]))
    assert every_pair(query, passage).tolist() == [[3.0 + 8.0]]


@pytest.mark.parametrize("tile", [(1, 1), (5, 3), (2048, 512)])
def test_all_pairs_in_tiles_of_any_size_are_max_sim(tile: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interaction, "_TILES", {"cpu": tile})
    torch.testing.assert_close(every_pair(QUERIES, PASSAGES), direct())


@pytest.mark.parametrize("floats", [1, 200, 16_000_000])
def test_listed_pairs_in_chunks_of_any_size_are_max_sim(floats: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interaction, "_FLOATS_PER_CHUNK", floats)
    query, passage = torch.tensor([4, 0, 2, 2, 3, 1]), torch.tensor([7, 2, 0, 3, 1, 5])
    torch.testing.assert_close(listed_pairs(QUERIES, PASSAGES, query, passage), direct()[query, passage])


def test_texts_taken_in_another_order_keep_their_tokens() -> None:
    taken = PASSAGES.take(torch.tensor([5, 0]))
    assert taken.lengths.tolist() == [1, 4]
    torch.testing.assert_close(taken.tokens, torch.cat([PASSAGES.tokens[15:16], PASSAGES.tokens[:4]]))


def test_cuts_hold_whole_texts_within_the_budget_and_a_longer_text_alone() -> None:
    assert PASSAGES.cuts(6) == [(0, 3), (3, 4), (4, 6), (6, 7), (7, 8)]
