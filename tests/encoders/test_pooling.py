"""Token states to one vector a text."""

import torch

from retrieval_kd.batch.ragged import Ragged
from retrieval_kd.batch.tokens import Frame, apart
from retrieval_kd.encoders.pooling import pool

# [CLS] a [SEP] _ and [CLS] a b [SEP], and a text that is not there
TEXT = apart(Ragged.of([[7], [7, 8], []]), Frame((2,), (3,), 8))
STATES = torch.tensor([[[1.0], [3.0], [5.0], [99.0]], [[2.0], [4.0], [8.0], [6.0]], [[99.0]] * 4])


def test_cls_is_the_first_tokens_state() -> None:
    assert pool(STATES, TEXT, "cls")[:2].tolist() == [[1.0], [2.0]]


def test_mean_is_over_all_real_tokens() -> None:
    assert pool(STATES, TEXT, "mean").tolist() == [[3.0], [5.0], [0.0]]


def test_mean_of_words_leaves_special_tokens_out() -> None:
    assert pool(STATES, TEXT, "mean_words").tolist() == [[3.0], [6.0], [0.0]]


def test_mask_pieces_that_fill_a_query_are_words_of_the_mean() -> None:
    filled = apart(Ragged.of([[7]]), Frame((2,), (3,), 4, 4))  # [CLS] a [SEP] [MASK]
    assert pool(STATES[1:2], filled, "mean_words").tolist() == [[5.0]]


def test_last_is_the_last_real_tokens_state() -> None:
    assert pool(STATES, TEXT, "last").tolist() == [[5.0], [6.0], [0.0]]


def test_max_is_over_real_tokens() -> None:
    assert pool(STATES, TEXT, "max").tolist() == [[5.0], [8.0], [0.0]]


def test_a_weighted_mean_counts_the_ith_token_i_times() -> None:
    vector = pool(STATES, TEXT, "weighted_mean").flatten()
    torch.testing.assert_close(vector, torch.tensor([(1 + 6 + 15) / 6, (2 + 8 + 24 + 24) / 10, 0.0]))


def test_a_sum_may_be_over_the_root_of_the_number() -> None:
    vector = pool(STATES, TEXT, "mean_sqrt_length").flatten()
    torch.testing.assert_close(vector, torch.tensor([9 / 3**0.5, 20 / 2, 0.0]))
