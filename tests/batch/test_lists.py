"""From runs and judgments to arrays by query number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval_kd.batch.dark import Dark
from retrieval_kd.batch.lists import Data, apart, drawable, has_list, judged, short, stored_scores, with_copies, within
from retrieval_kd.batch.sampling import Lists, Sampling, Window, draw
from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.corpus import Corpus
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.records import Passage
from retrieval_kd.text.run import Run
from tests.planted import GRADED, SHARED, SHARED_BY, TWIN, planted_corpus, shuffled_run

QUERIES = ["q", "r", "s"]
RUN = Run.of(
    {
        "q": [("a", 9.0), ("b", 8.0), ("c", 7.0), ("d", 6.0)],
        "r": [("d", 3.0), ("b", 2.0), ("a", 1.0)],
        "elsewhere": [("a", 1.0)],
    }
)
SAMPLED = {
    "candidates": "run.trec",
    "queries_per_step": 4,
    "queries_per_pool": None,
    "positive": "drawn",
    "negatives": 1,
    "first": 1,
    "last": 30,
    "order": "drawn",
    "unjudged": False,
    "refresh_every": None,
    "further": [],
    "dark": None,
    "start": None,
}
FURTHER = {"negatives": 2, "first": 31, "last": 50, "order": "drawn"}
DARK = Dark(1, (0.3, 0.7), "word", 1, (0.3, 0.7), "span_insert")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Positions a b c d = 0 1 2 3; a (1) and c (2) are relevant to q, b to nobody, and nobody looked for s."""
    collection = Collection.write(tmp_path / "passages", (Passage(name, "", name) for name in "abcd"))
    grades = Judgments({"q": {"c": 2, "a": 1, "b": 0}, "r": {"d": 1}})
    texts = {name: name for name in QUERIES}
    return Corpus("small", collection, texts, grades, {"train": ("q", "r")}, ("s",), "digest", {}, False)


def rows(lists: Lists) -> list[list[int]]:
    return [part.tolist() for part in np.split(lists.passages, lists.offsets[1:-1])]


def test_every_grade_is_known_and_the_relevant_ones_are_positives(corpus: Corpus) -> None:
    grades, positives = judged(corpus, QUERIES)
    assert grades.look_up(np.array([0, 1, 2, 3]), -1).tolist() == [1, 0, 2, -1]
    assert grades.look_up(4 + np.array([0, 1, 2, 3]), -1).tolist() == [-1, -1, -1, 1]
    assert [sorted(row) for row in rows(positives)] == [[0, 2], [3], []]


def test_queries_without_any_judgment_have_empty_arrays(corpus: Corpus) -> None:
    grades, positives = judged(corpus, ["s"])
    assert grades.look_up(np.array([0, 1]), -1).tolist() == [-1, -1]
    assert rows(positives) == [[]]


def test_what_is_judged_relevant_cannot_be_drawn_and_grade_zero_can(corpus: Corpus) -> None:
    lists = drawable(RUN, QUERIES, corpus, judged(corpus, QUERIES)[0])
    assert rows(lists) == [[1, 3], [1, 0], []]
    assert lists.scores.tolist() == [8.0, 6.0, 2.0, 1.0]


def test_lists_follow_the_order_of_the_query_numbers_not_of_the_run(corpus: Corpus) -> None:
    names = ["r", "s", "q"]
    assert rows(drawable(RUN, names, corpus, judged(corpus, names)[0])) == [[1, 0], [], [1, 3]]


def test_a_query_has_a_list_by_a_judgment_or_by_reaching_the_window(corpus: Corpus) -> None:
    run = Run.of({"q": [("a", 2.0)], "s": [("a", 2.0), ("b", 1.0)]})
    second, third = [Window(1, 2, 9)], [Window(1, 3, 9)]
    assert has_list("q", corpus, run, third)
    assert has_list("s", corpus, run, second)
    assert not has_list("s", corpus, run, third)


def test_a_query_that_the_run_does_not_name_has_none_where_negatives_are_drawn(corpus: Corpus) -> None:
    nobody = Run.of({})
    assert not has_list("q", corpus, nobody, [Window(1, 1, 9)])
    assert not has_list("s", corpus, nobody, [Window(1, 1, 9)])
    assert has_list("q", corpus, nobody, [Window(0, 1, 1)])
    assert not has_list("s", corpus, nobody, [Window(0, 1, 1)])


def scored(corpus: Corpus, missing: str, run: Run) -> list[list[float]]:
    """The stored scores of all candidates of q, r and s, NaN as -9."""
    grades, positives = judged(corpus, QUERIES)
    lists = drawable(RUN, QUERIES, corpus, grades)
    scores = stored_scores(run, missing, QUERIES, corpus, lists, positives, file="scores.tsv").scores
    return np.nan_to_num(scores.look_up(np.arange(12).reshape(3, 4), np.nan), nan=-9).tolist()


def test_a_missing_score_stays_unknown_where_it_is_dropped(corpus: Corpus) -> None:
    assert scored(corpus, "drop", Run.of({"q": [("a", 5.0), ("d", 4.0)]})) == [[5, -9, -9, 4], [-9] * 4, [-9] * 4]


def test_a_missing_score_takes_the_lowest_of_its_query_and_stays_unknown_without_one(corpus: Corpus) -> None:
    run = Run.of({"q": [("a", 5.0), ("d", 4.0)], "s": [("a", 2.0)]})
    assert scored(corpus, "minimum", run) == [[5, 4, 4, 4], [-9] * 4, [2, -9, -9, -9]]  # q lacks b and c, r everything


@pytest.mark.parametrize("missing", ["error", "drop", "minimum"])
def test_a_file_of_other_queries_or_passages_is_refused(missing: str, corpus: Corpus) -> None:
    for run in (Run.of({"foreign": [("a", 1.0)]}), Run.of({"q": [("foreign", 1.0)]})):
        with pytest.raises(
            UserError, match=r"scores\.tsv has no score of this collection's passages for a training query"
        ):
            scored(corpus, missing, run)


def test_what_a_file_says_of_other_passages_is_left_aside(corpus: Corpus) -> None:
    run = Run.of({"q": [("a", 5.0), ("foreign", 4.5), ("d", 4.0)]})
    assert scored(corpus, "drop", run) == [[5, -9, -9, 4], [-9] * 4, [-9] * 4]


def test_candidates_without_a_score_are_counted(corpus: Corpus) -> None:
    grades, positives = judged(corpus, QUERIES)
    lists = drawable(RUN, QUERIES, corpus, grades)
    for missing in ("drop", "minimum"):
        known = stored_scores(
            Run.of({"q": [("d", 4.0)]}), missing, QUERIES, corpus, lists, positives, file="scores.tsv"
        )
        assert (known.lacking, known.candidates) == (6, 7)


def test_a_missing_score_is_an_error_that_names_it(corpus: Corpus) -> None:
    whole = Run.of({"q": [(name, 1.0) for name in "abcd"], "r": [("a", 3.0), ("b", 1.0), ("d", 2.0)]})
    assert scored(corpus, "error", whole)[1] == [3, 1, -9, 2]
    without = Run.of({"q": [(name, 1.0) for name in "abcd"], "r": [("a", 3.0), ("d", 2.0)]})
    with pytest.raises(
        UserError, match=r"1 candidates have no score in scores\.tsv, the first of them query r passage b: score them"
    ):
        scored(corpus, "error", without)
    positive = Run.of({"q": [(name, 1.0) for name in "abcd"], "r": [("a", 3.0), ("b", 2.0)]})
    with pytest.raises(UserError, match="query r passage d"):
        scored(corpus, "error", positive)


def test_a_candidate_that_lacks_a_needed_score_is_not_drawn(corpus: Corpus) -> None:
    grades, positives = judged(corpus, QUERIES)
    lists = drawable(RUN, QUERIES, corpus, grades)
    known = stored_scores(
        Run.of({"q": [("d", 4.0)], "r": [("b", 1.0)]}), "drop", QUERIES, corpus, lists, positives, file="f"
    )
    assert rows(drawable(RUN, QUERIES, corpus, grades, [known.scores])) == [[3], [1], []]


def test_a_run_of_another_collection_is_refused(corpus: Corpus) -> None:
    with pytest.raises(UserError, match="nowhere"):
        drawable(Run.of({"q": [("nowhere", 1.0)]}), QUERIES, corpus, judged(corpus, QUERIES)[0])


def test_in_the_planted_collection_no_drawn_negative_is_judged_relevant(tmp_path: Path) -> None:
    corpus = planted_corpus(tmp_path)
    names = corpus.splits["train"]
    run = shuffled_run(corpus, names, depth=len(corpus.collection))  # every passage is in every list
    grades, positives = judged(corpus, names)
    lists = drawable(run, names, corpus, grades)
    assert [len(row) for row in rows(lists)] == [121 - len(corpus.judgments.relevant(name)) for name in names]
    for step in range(12):
        drawn = draw(Sampling(0, 16, (Window(20, 1, 121),)), step, lists, positives)
        for number, (positive, *negatives) in zip(drawn.queries, drawn.passages, strict=True):
            relevant = corpus.judgments.relevant(names[number])
            assert corpus.collection.id_at(positive) in relevant
            assert not relevant.keys() & {corpus.collection.id_at(passage) for passage in negatives}


def test_the_planted_cases_are_planted(tmp_path: Path) -> None:
    corpus = planted_corpus(tmp_path)
    texts, asked = corpus.collection, corpus.queries
    assert texts[TWIN].words == texts["p0"].words
    assert set(corpus.judgments.relevant("q0")) == {"p0", TWIN}
    assert all(corpus.judgments.grade(name, SHARED) == 1 for name in SHARED_BY)
    assert all(corpus.judgments.judged(name) == grades for name, grades in GRADED.items())
    relevant = {(name, passage) for name in asked for passage in corpus.judgments.relevant(name)}
    assert not any(set(asked[name].split()) & set(texts[passage].words.split()) for name, passage in relevant)
    assert {split: len(names) for split, names in corpus.splits.items()} == {"train": 61, "dev": 15, "test": 15}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"candidates": None}, r"data\.negatives=1 are drawn from a run: give data\.candidates"),
        ({"candidates": None, "negatives": 0, "unjudged": True}, r"give data\.candidates"),
        ({"first": 0}, "data.first=0"),
        ({"first": 31}, "data.first=31 and data.last=30"),
        ({"queries_per_step": 0}, "data.queries_per_step=0"),
        ({"negatives": -1}, "data.negatives=-1"),
        ({"queries_per_pool": 0}, "data.queries_per_pool=0"),
        (
            {"further": [{"negatives": 2}]},
            r"data\.further\[0\]=\{'negatives': 2\}: give negatives, first, last as whole",
        ),
        ({"further": [{**FURTHER, "order": "worst"}]}, "order as drawn or drawn_once or best"),
        ({"further": [{**FURTHER, "last": "all"}]}, "as whole numbers"),
        ({"further": [{**FURTHER, "negatives": -2}]}, r"data\.further\[0\]\.negatives=-2"),
        ({"further": [{**FURTHER, "first": 51}]}, r"data\.further\[0\]\.first=51"),
        ({"further": [{**FURTHER, "first": 30}]}, r"data has ranks 1 to 30 and data\.further\[0\] 30 to 50"),
        ({"further": [FURTHER, FURTHER]}, r"data\.further\[0\] has ranks 31 to 50 and data\.further\[1\] 31 to 50"),
        ({"negatives": 0, "candidates": None, "further": [FURTHER]}, r"data\.negatives=2 are drawn from a run"),
        ({"negatives": 0, "dark": DARK}, r"data\.dark\.reinforced_negatives=1 are made of listed negatives"),
    ],
)
def test_data_that_cannot_be_had_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Data(**{**SAMPLED, **options})


def test_in_batch_negatives_need_no_run() -> None:
    assert Data(**{**SAMPLED, "candidates": None, "negatives": 0}).candidates is None


def test_only_the_ranks_that_can_be_drawn_need_a_score() -> None:
    lists = Lists(np.array([0, 3, 3, 5]), np.array([7, 8, 9, 4, 5]), np.array([3.0, 2.0, 1.0, 9.0, 8.0]))
    cut = within(lists, [Window(1, 2, 3)])
    assert cut.offsets.tolist() == [0, 2, 2, 3]
    assert cut.passages.tolist() == [8, 9, 5]
    assert cut.scores.tolist() == [2.0, 1.0, 8.0]
    assert within(lists, [Window(1, 1, 1), Window(1, 3, 9)]).passages.tolist() == [7, 9, 4]


def test_the_windows_of_a_list_are_its_own_and_the_further_ones_in_order() -> None:
    assert Data(**{**SAMPLED, "further": [FURTHER]}).windows == (Window(1, 1, 30, "drawn"), Window(2, 31, 50, "drawn"))


def test_dark_examples_of_the_positive_alone_need_no_negatives() -> None:
    dark = replace(DARK, reinforced_negatives=0)
    assert Data(**{**SAMPLED, "candidates": None, "negatives": 0, "dark": dark}).dark == dark


def test_queries_with_fewer_passages_at_a_window_s_ranks_than_it_takes_are_counted() -> None:
    lists = Lists(np.array([0, 0, 2, 6]), np.arange(6), np.ones(6))  # lists of 0, 2 and 4 passages
    assert short(lists, [Window(2, 1, 30)]) == 1
    assert short(lists, [Window(3, 1, 30)]) == 2
    assert short(lists, [Window(2, 3, 4)]) == 2
    assert short(lists, [Window(1, 1, 1), Window(2, 3, 4)]) == 2
    assert short(lists, [Window(0, 1, 30)]) == 0


def test_exact_copies_of_a_positive_are_known_beside_it_and_are_not_drawn(tmp_path: Path) -> None:
    texts = ["one text", "another", "One text!", "a third", "another"]
    collection = Collection.write(tmp_path / "p", (Passage(f"p{n}", "", text) for n, text in enumerate(texts)))
    judgments = Judgments({"a": {"p0": 1}, "b": {"p1": 1, "p3": 0}})
    corpus = Corpus("c", collection, {"a": "x", "b": "y"}, judgments, {}, (), "", {}, False)
    run = Run.of({"a": [("p2", 3.0), ("p1", 2.0)], "b": [("p4", 3.0), ("p2", 2.0), ("p3", 1.0)]})
    grades, positives = judged(corpus, ["a", "b"])
    lists = drawable(run, ["a", "b"], corpus, grades)
    known = with_copies(positives, lists.passages, corpus)
    assert rows(known) == [[0, 2], [1, 4]]
    assert rows(apart(lists, known, corpus)) == [[1], [2, 3]]
