"""Dark examples in a batch: where they stand, what they say, and for whom they count."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from retrieval_kd.batch.candidates import Candidates, Texts
from retrieval_kd.batch.collate import Collate, Source, pairs
from retrieval_kd.batch.dark import Dark, Edits
from retrieval_kd.batch.sampling import Lists, Sampling, Window
from retrieval_kd.batch.store import tokenise
from retrieval_kd.batch.tokens import Tokenisation, Tokens
from retrieval_kd.batch.vocabulary import vocabulary
from retrieval_kd.encoders.tiny import write_tiny
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.records import Passage

PASSAGES, LISTED, COPIES = 10, 3, 5
WORDS = [" ".join(f"w{passage}x{place}" for place in range(8)) for passage in range(PASSAGES)]
DARK = Dark(2, (0.3, 0.7), "word", 3, (0.3, 0.7), "span_insert")
Make = Callable[..., Collate]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Collates of 4 queries of which query q < 3 asks in all words of its positive, passage q; the others share none.

    Nobody looked at query 3. There are two scorers, each with its own vocabulary.
    """
    home = tmp_path_factory.mktemp("dark")
    folders = [str(write_tiny(home / name, words)) for name, words in (("a", WORDS), ("b", ["before", *WORDS]))]
    collection = Collection.write(home / "passages", (Passage(f"p{n}", "", words) for n, words in enumerate(WORDS)))
    forms = [Tokenisation("a", folder=folders[0]), Tokenisation("b", layout="joined", folder=folders[1])]
    sources = {form: Source(tokenise(WORDS[:4], form.folder), tokenise(WORDS, form.folder)) for form in forms}

    def make(dark: Dark | None = DARK, *, queries_per_pool: int = 4, **options: Any) -> Collate:
        return Collate(
            Sampling(0, 4, (Window(LISTED - 1, 1, 6),)),
            lists=Lists(np.arange(5) * 6, np.tile(np.arange(4, 10), 4), np.ones(24)),
            positives=Lists(np.array([0, 1, 2, 3, 3]), np.arange(3), np.ones(3)),
            grades=pairs(np.arange(3), np.arange(3), np.ones(3), collection=PASSAGES),
            stored={},
            sources=sources,
            passages=PASSAGES,
            queries_per_pool=queries_per_pool,
            edits=None if dark is None else Edits(dark, 0, collection),
            **options,
        )

    return make


def texts_of(batch: Candidates, layout: str) -> tuple[Tokenisation, Texts]:
    return next((form, texts) for form, texts in batch.texts.items() if form.layout == layout)


def passage_pieces(texts: Tokens) -> list[list[list[int]]]:
    """The word pieces of every candidate (of a pair: those of its passage)."""
    word = texts.word & ((texts.segment == 1) | ~(texts.segment == 1).any())
    return [[ids[some].tolist() for ids, some in zip(*row, strict=True)] for row in zip(texts.ids, word, strict=True)]


def small(batch: Candidates) -> list[torch.Tensor]:
    own = (batch.query_id, batch.passage_id, batch.present, batch.relevance, batch.dark, batch.rank)
    return [*own, batch.positive, batch.known_positives]


def equal(one: Candidates, other: Candidates) -> bool:
    same = all(torch.equal(*both) for both in zip(small(one), small(other), strict=True))
    return same and all(
        passage_pieces(one.texts[form].passage) == passage_pieces(other.texts[form].passage) for form in one.texts
    )


def test_dark_examples_stand_at_the_end_of_every_list_and_are_no_passage_of_the_collection(make: Make) -> None:
    batch = make()(0)
    assert batch.passage_id.shape == (4, LISTED + COPIES)
    assert batch.dark.tolist() == [[False] * LISTED + [True] * COPIES] * 4
    for field, value in ((batch.passage_id, -1), (batch.relevance, -1), (batch.rank, 0)):
        assert (field[:, LISTED:] == value).all()
    judged = batch.query_id < 3
    assert batch.present[judged].all()
    assert batch.present[~judged].tolist() == [[True] * LISTED + [False] * COPIES]


def test_what_is_listed_is_what_would_be_listed_without_them(make: Make) -> None:
    with_them, without = make()(5), make(None)(5)
    for one, other in zip(small(with_them)[1:6], small(without)[1:6], strict=True):
        assert torch.equal(one[:, :LISTED], other)
    assert torch.equal(with_them.own_positive, without.own_positive)


def test_ratio_0_lists_no_dark_example(make: Make) -> None:
    batch = make(replace(DARK, mask_ratio=(0.0, 0.0), ratio=(0.0, 0.0)))(0)
    assert not (batch.present & batch.dark).any()
    plain = make(None)(0)
    assert torch.equal(batch.listed[:, :LISTED], plain.listed)
    for _, texts in batch.texts.items():
        assert not texts.passage.mask[:, LISTED:].any()


@pytest.mark.parametrize("queries_per_pool", [4, 2, 1])
def test_no_dark_example_is_pooled_or_a_rival_of_anybody_but_its_own_query_lists_it(
    make: Make, queries_per_pool: int
) -> None:
    batch = make(queries_per_pool=queries_per_pool)(0)
    dark = batch.spread(batch.dark)
    assert dark.sum() == 4 * queries_per_pool * COPIES
    assert not (batch.pooled & dark).any()
    assert not (batch.negatives & dark).any()
    assert not (batch.known_positives & dark).any()
    assert torch.equal(batch.listed, batch.present)
    own = batch.spread(batch.passage_id).gather(1, batch.own_columns())
    assert torch.equal(own, batch.passage_id)


@pytest.mark.parametrize("queries_per_pool", [4, 2, 1])
def test_the_positive_is_found_in_the_pool_among_dark_columns(make: Make, queries_per_pool: int) -> None:
    batch = make(queries_per_pool=queries_per_pool)(1)
    judged = batch.positive >= 0
    assert judged.tolist() == (batch.query_id < 3).tolist()
    there = batch.spread(batch.passage_id).gather(1, batch.positive.clamp(min=0)[:, None])[:, 0]
    assert torch.equal(there[judged], batch.query_id[judged])  # passage q is relevant to query q
    assert (batch.own_positive[judged] == 0).all()
    assert (batch.known_positives.sum(1) == judged).all()


def test_a_text_is_empty_exactly_where_its_candidate_is_absent(make: Make) -> None:
    batch = make()(0)
    for texts in batch.texts.values():
        assert torch.equal(texts.passage.mask.any(-1), batch.present)


def test_texts_apart_and_joined_say_the_same_words_and_a_mask_is_the_tokenizers_own(make: Make) -> None:
    batch = make()(0)
    (form, apart), (other, joined) = texts_of(batch, "apart"), texts_of(batch, "joined")
    one, two = vocabulary(form.folder), vocabulary(other.folder)
    words = " ".join(WORDS).split()
    names = dict(zip(tokenise(words, form.folder).ids.tolist(), words, strict=True)) | {one.mask: "mask"}
    others = dict(zip(tokenise(words, other.folder).ids.tolist(), words, strict=True)) | {two.mask: "mask"}
    assert names != others
    read_words = [[[names[piece] for piece in text] for text in row] for row in passage_pieces(apart.passage)]
    again = [[[others[piece] for piece in text] for text in row] for row in passage_pieces(joined.passage)]
    assert read_words == again
    noisy = [
        text for row, query in zip(read_words, batch.query_id, strict=True) if query < 3 for text in row[LISTED:][:2]
    ]
    assert all("mask" in text and len(text) == 8 for text in noisy)


def test_a_teacher_that_counts_shared_words_puts_dark_examples_between_negatives_and_positives(make: Make) -> None:
    shares: dict[str, list[float]] = {"negative": [], "dark": [], "positive": []}
    for step in range(6):
        batch = make()(step)
        _, texts = texts_of(batch, "apart")
        assert texts.query is not None
        for row in (batch.query_id < 3).nonzero()[:, 0].tolist():
            asked = set(texts.query.ids[row][texts.query.word[row]].tolist())
            for column, pieces in enumerate(passage_pieces(texts.passage)[row]):
                name = "positive" if column == 0 else "dark" if batch.dark[row, column] else "negative"
                shares[name].append(len(asked & set(pieces)) / len(asked))
    assert set(shares["negative"]) == {0.0}
    assert set(shares["positive"]) == {1.0}
    assert 0.3 < np.mean(shares["dark"]) < 0.7
    assert all(0 < share < 1 for share in shares["dark"])


@pytest.mark.parametrize(("ranks", "queries_per_pool"), [(2, 4), (2, 2), (4, 4), (4, 2)])
def test_every_rank_knows_all_of_them_and_writes_its_own(make: Make, ranks: int, queries_per_pool: int) -> None:
    whole = make(queries_per_pool=queries_per_pool)(2)
    for rank in range(ranks):
        part = make(queries_per_pool=queries_per_pool, rank=rank, ranks=ranks)(2)
        assert all(torch.equal(*both) for both in zip(small(part), small(whole), strict=True))
        for form, texts in part.texts.items():
            assert passage_pieces(texts.passage) == passage_pieces(whole.texts[form].passage)[part.rows]


def test_a_pickled_maker_and_one_resumed_at_a_step_make_the_same(make: Make) -> None:
    running = make()
    steps = [running(step) for step in range(4)]
    assert equal(steps[3], make()(3))
    assert equal(steps[3], pickle.loads(pickle.dumps(running))(3))  # noqa: S301
    assert not equal(steps[2], steps[3])


def test_the_maker_of_dark_examples_is_pickled_without_the_texts(make: Make) -> None:
    assert len(pickle.dumps(make())) - len(pickle.dumps(make(None))) < 1000
