"""Folders in BEIR's layout, good and bad."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.corpus import Corpus, open_corpus

HEADER = "query-id\tcorpus-id\tscore\n"
PASSAGES = {"p1": "Ants walk.", "p2": "Bees fly.", "p3": "Cats sleep.", "p4": "Dogs bark."}
QUERIES = {"q1": "Who walks?", "q2": "Who flies?", "q3": "Who sleeps?", "q4": "Who barks?"}


def fill(folder: Path, passages: dict[str, str], queries: dict[str, str], **qrels: dict[str, str]) -> Path:
    """A folder in BEIR's layout; qrels map a split to query id → the one relevant passage."""
    (folder / "qrels").mkdir(parents=True)
    corpus = [json.dumps({"_id": name, "title": "T", "text": text}) for name, text in passages.items()]
    (folder / "corpus.jsonl").write_text("\n".join(corpus) + "\n")
    asked = [json.dumps({"_id": name, "text": text, "metadata": {}}) for name, text in queries.items()]
    (folder / "queries.jsonl").write_text("\n".join(asked) + "\n")
    for split, of in qrels.items():
        rows = [f"{query_id}\t{passage_id}\t1\n" for query_id, passage_id in of.items()]
        (folder / "qrels" / f"{split}.tsv").write_text(HEADER + "".join(rows))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(
        tmp_path / "animals", PASSAGES, QUERIES, train={"q1": "p1", "q2": "p2"}, dev={"q3": "p3"}, test={"q4": "p4"}
    )


def opened(folder: Path, *, unjudged: bool = False, seed: int = 0, dev_fraction: float = 0.1) -> Corpus:
    source = Beir(path=folder, drop_same_id=False, unjudged=unjudged, seed=seed, dev_fraction=dev_fraction)
    return open_corpus(source, folder.parent / "artifacts")


def test_a_folder_is_read_as_it_is(folder: Path) -> None:
    corpus = opened(folder)
    assert corpus.name == "animals"
    assert corpus.collection["p1"].words == "T Ants walk."
    assert dict(corpus.queries) == QUERIES
    assert corpus.splits == {"train": ("q1", "q2"), "dev": ("q3",), "test": ("q4",)}
    assert corpus.judgments.relevant("q4") == {"p4": 1}
    assert (corpus.about["dev"], corpus.about["queries left out of train"]) == ("published", "0")


def test_the_passage_of_the_same_id_may_be_dropped(folder: Path) -> None:
    assert open_corpus(Beir(path=folder, drop_same_id=True), folder.parent / "artifacts").drop_same_id


def test_a_query_without_a_relevant_passage_is_in_no_split(folder: Path) -> None:
    (folder / "qrels" / "dev.tsv").write_text(HEADER + "q3\tp3\t0\nq3\tp2\t1\nq1\tp1\t0\n")
    (folder / "qrels" / "train.tsv").write_text(HEADER + "q2\tp2\t2\n")
    corpus = opened(folder)
    assert corpus.splits["dev"] == ("q3",)
    assert corpus.judgments.grade("q1", "p1") == 0


def test_a_train_query_that_is_asked_in_dev_or_test_is_left_out(tmp_path: Path) -> None:
    queries = {**QUERIES, "q5": "who BARKS", "q6": "Who sleeps"}
    train = {"q1": "p1", "q5": "p2", "q6": "p3"}
    corpus = opened(
        fill(tmp_path / "f", PASSAGES, queries, train=train, dev={"q3": "p3"}, test={"q4": "p4"}), unjudged=True
    )
    assert corpus.splits == {"train": ("q1",), "dev": ("q3",), "test": ("q4",)}
    assert corpus.about["queries left out of train"] == "2"
    assert (corpus.judgments.judged("q5"), corpus.unjudged) == ({}, ("q2",))


def test_a_query_of_train_and_test_is_judged_as_in_test(tmp_path: Path) -> None:
    corpus = opened(fill(tmp_path / "f", PASSAGES, QUERIES, train={"q1": "p1", "q2": "p2"}, test={"q1": "p3"}))
    assert corpus.judgments.relevant("q1") == {"p3": 1}


def many(folder: Path, count: int = 100) -> Path:
    """Queries 2i and 2i + 1 have one passage; passages 3 and 5 have one text; queries 10 and 20 have one text."""
    passages = {f"p{number}": f"text {3 if number == 5 else number}" for number in range(count // 2)}
    queries = {f"q{number}": f"query {10 if number == 20 else number}" for number in range(count)}
    return fill(
        folder, passages, queries, train={f"q{number}": f"p{number // 2}" for number in range(count)}, test={"q0": "p0"}
    )


def test_dev_is_carved_from_train_in_whole_groups(tmp_path: Path) -> None:
    folder = many(tmp_path / "f")
    for seed in range(20):
        corpus = opened(folder, seed=seed, dev_fraction=0.3)
        dev, train = set(corpus.splits["dev"]), set(corpus.splits["train"])
        assert (dev & train, len(dev | train)) == (set(), 99)  # q0 is asked in test
        assert 20 <= len(dev) <= 30
        for group in ({"q6", "q7", "q10", "q11", "q20", "q21"}, {"q2", "q3"}, {"q98", "q99"}):
            assert group <= dev or group <= train


def test_the_seed_says_which_queries_become_dev(tmp_path: Path) -> None:
    folder = many(tmp_path / "f")
    assert opened(folder, seed=1).splits == opened(folder, seed=1).splits
    assert opened(folder, seed=1).splits["dev"] != opened(folder, seed=2).splits["dev"]
    assert "dev" not in opened(folder, dev_fraction=0).splits


def test_a_published_dev_split_stays_as_it_is(tmp_path: Path) -> None:
    folder = fill(tmp_path / "f", PASSAGES, QUERIES, train={"q1": "p1", "q2": "p2"}, dev={"q3": "p1"})
    assert opened(folder).splits == {"train": ("q1", "q2"), "dev": ("q3",)}


def test_a_folder_may_be_for_evaluation_only(tmp_path: Path) -> None:
    corpus = opened(fill(tmp_path / "f", PASSAGES, QUERIES, test={"q3": "p1"}))
    assert corpus.splits == {"test": ("q3",)}
    assert corpus.about["dev"] == "none"


def test_one_group_alone_stays_in_train(tmp_path: Path) -> None:
    corpus = opened(fill(tmp_path / "f", PASSAGES, QUERIES, train=dict.fromkeys(QUERIES, "p1")))
    assert corpus.splits == {"train": ("q1", "q2", "q3", "q4")}
    assert corpus.about["dev"] == "none: no group fits dev_fraction"


def append(name: str, line: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with (folder / name).open("ab") as file:
            file.write(line + b"\n")

    return change


def empty(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(b"") and None


def missing(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def folder_instead(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return change


BAD = {
    "a missing corpus": (missing("corpus.jsonl"), "corpus.jsonl cannot be read"),
    "missing queries": (missing("queries.jsonl"), "queries.jsonl cannot be read"),
    "an empty corpus": (empty("corpus.jsonl"), "corpus.jsonl is empty"),
    "no queries": (empty("queries.jsonl"), "queries.jsonl is empty"),
    "empty judgments": (empty("qrels/dev.tsv"), "dev.tsv:1 is not the header"),
    "a folder for the corpus": (folder_instead("corpus.jsonl"), "corpus.jsonl is a folder"),
    "a folder for queries": (folder_instead("queries.jsonl"), "queries.jsonl is a folder"),
    "a folder for judgments": (folder_instead("qrels/dev.tsv"), "dev.tsv is a folder"),
    "a malformed passage": (append("corpus.jsonl", b'{"_id": "p5", "text"'), "corpus.jsonl:5 is not JSON"),
    "a malformed query": (append("queries.jsonl", b"q5 Who?"), "queries.jsonl:5 is not JSON"),
    "a passage twice": (
        append("corpus.jsonl", b'{"_id": "p2", "text": ""}'),
        r"corpus.jsonl:5 repeats the id 'p2' of .*corpus.jsonl:2",
    ),
    "a query twice": (
        append("queries.jsonl", b'{"_id": "q2", "text": "x"}'),
        "queries.jsonl:5 repeats the query id 'q2'",
    ),
    "a passage without an id": (append("corpus.jsonl", b'{"text": ""}'), 'corpus.jsonl:5: "_id" is missing'),
    "a passage without text": (append("corpus.jsonl", b'{"_id": "p5"}'), 'corpus.jsonl:5: "text" is missing'),
    "a number for an id": (
        append("corpus.jsonl", b'{"_id": 5, "text": ""}'),
        'corpus.jsonl:5: "_id" is 5; give a string',
    ),
    "an id with a blank": (append("corpus.jsonl", b'{"_id": "p 5", "text": ""}'), "corpus.jsonl:5 has the id 'p 5'"),
    "a query id with a blank": (
        append("queries.jsonl", b'{"_id": "q 5", "text": "x"}'),
        "queries.jsonl:5 has the id 'q 5'",
    ),
    "half a character": (
        append("corpus.jsonl", b'{"_id": "p5", "text": "\\ud83d"}'),
        "corpus.jsonl:5 holds half a character",
    ),
    "a query without text": (
        append("queries.jsonl", b'{"_id": "q5", "text": " "}'),
        "queries.jsonl:5 gives query 'q5' no text",
    ),
    "an unknown query": (
        append("qrels/dev.tsv", b"q9\tp1\t1"),
        "dev.tsv:3 judges query 'q9', which is not among the queries",
    ),
    "an unknown passage": (
        append("qrels/test.tsv", b"q1\tp9\t1"),
        "test.tsv:3 judges passage 'p9', which the collection lacks",
    ),
    "a text that is null": (
        append("corpus.jsonl", b'{"_id": "p5", "text": null}'),
        'corpus.jsonl:5: "text" is null; give a',
    ),
    "a number as a title": (
        append("corpus.jsonl", b'{"_id": "p5", "title": NaN, "text": ""}'),
        '5: "title" is NaN; give a',
    ),
    "a grade beyond all tables": (
        append("qrels/dev.tsv", b"q1\tp1\t1000000000000000000000"),
        "dev.tsv:3 grades with 10{21};",
    ),
    "a bad grade": (append("qrels/dev.tsv", b"q1\tp1\tgood"), "dev.tsv:3 grades with 'good'"),
    "too few columns": (append("qrels/dev.tsv", b"q1 p1 1"), "dev.tsv:3 has 1 columns"),
    "Latin-1 passages": (append("corpus.jsonl", '{"_id": "é"}'.encode("latin-1")), "corpus.jsonl:5 is not UTF-8"),
    "Latin-1 queries": (append("queries.jsonl", b"\xe9"), "queries.jsonl:5 is not UTF-8"),
    "Latin-1 judgments": (append("qrels/dev.tsv", b"\xe9"), "dev.tsv:3 is not UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_folder_is_one_fault_that_names_the_line_and_leaves_nothing(folder: Path, case: str) -> None:
    change, message = BAD[case]
    change(folder)
    with pytest.raises(UserError, match=message) as error:
        opened(folder)
    assert "\n" not in str(error.value)
    assert os.listdir(folder.parent) == ["animals"]


def test_what_cannot_be_read_is_found_without_parsing(folder: Path) -> None:
    missing("queries.jsonl")(folder)
    with pytest.raises(UserError, match=r"queries\.jsonl cannot be read"):
        Beir(path=folder, drop_same_id=False).fingerprint()
    with pytest.raises(UserError, match="elsewhere is no folder"):
        Beir(path=folder / "elsewhere", drop_same_id=False).fingerprint()


def test_judgments_of_no_split_are_refused(folder: Path) -> None:
    for split in ("train", "dev", "test"):
        missing(f"qrels/{split}.tsv")(folder)
    (folder / "qrels" / "validation.tsv").write_text(HEADER + "q1\tp1\t1\n")
    with pytest.raises(UserError, match=r"qrels holds none of train.tsv, dev.tsv, test.tsv"):
        opened(folder)
    (folder / "qrels" / "test.tsv").write_text(HEADER + "q1\tp1\t0\n")
    with pytest.raises(UserError, match=r"test\.tsv judges no passage relevant"):
        opened(folder)


def without_judgments(folder: Path, count: int = 30) -> Path:
    """Queries of nobody's judgment, the last of them in the words of the first; and no folder qrels."""
    queries = {f"q{number}": f"query {number}" for number in range(count)} | {f"q{count}": "Query: 0"}
    (fill(folder, PASSAGES, queries) / "qrels").rmdir()
    return folder


def test_a_folder_without_judgments_offers_its_queries_and_holds_some_out(tmp_path: Path) -> None:
    folder = without_judgments(tmp_path / "f")
    corpus = opened(folder)
    assert (dict(corpus.splits), len(corpus.judgments.queries), corpus.is_judged) == ({}, 0, False)
    assert (len(corpus.unjudged), len(corpus.held_out)) == (28, 3)
    assert {*corpus.unjudged, *corpus.held_out} == set(corpus.queries)
    assert corpus.about["judgments"] == "none"
    assert opened(folder).held_out == corpus.held_out
    assert opened(folder, seed=1).held_out != corpus.held_out
    (folder / "qrels").mkdir()
    assert opened(folder).held_out == corpus.held_out, "an empty folder judges nothing either"


def test_what_is_read_of_judged_queries_does_not_depend_on_the_share_held_out(folder: Path) -> None:
    one, other = (Beir(path=folder, drop_same_id=False, held_out=share) for share in (0.1, 0.5))
    assert one.fingerprint() == other.fingerprint()
    assert opened(folder).held_out == ()


def test_too_few_queries_to_hold_one_out_are_refused(tmp_path: Path) -> None:
    (fill(tmp_path / "f", PASSAGES, {"q1": "Who walks?", "q2": "who walks"}) / "qrels").rmdir()
    with pytest.raises(UserError, match="nobody judged these 2 queries, of 1 different wordings"):
        opened(tmp_path / "f")
    with pytest.raises(UserError, match=r"corpus\.held_out is 1\.0; give the share"):
        Beir(path=tmp_path / "f", drop_same_id=False, held_out=1.0)


def test_a_fraction_of_one_or_more_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"corpus.dev_fraction is 1.0; give a fraction from 0"):
        opened(folder, dev_fraction=1.0)


def test_a_mended_folder_is_read_at_once(folder: Path) -> None:
    good = (folder / "corpus.jsonl").read_bytes()
    append("corpus.jsonl", b"nonsense")(folder)
    with pytest.raises(UserError, match="not JSON"):
        opened(folder)
    (folder / "corpus.jsonl").write_bytes(good)
    assert len(opened(folder).collection) == 4


SCIFACT = Path(__file__).parents[3] / "shared" / "data" / "scifact"


def test_scifact_has_its_published_size(tmp_path: Path) -> None:
    if not SCIFACT.is_dir():
        pytest.skip("the SciFact folder is not beside the checkout (shared/data/scifact)")
    corpus = open_corpus(Beir(path=SCIFACT, drop_same_id=False), tmp_path)
    assert (len(corpus.collection), len(corpus.splits["test"])) == (5183, 300)
    assert len(corpus.splits["train"]) + len(corpus.splits["dev"]) == 809 - 2  # two are asked in test


def test_a_title_that_is_null_is_none(folder: Path) -> None:
    append("corpus.jsonl", b'{"_id": "p5", "title": null, "text": "owls"}')(folder)
    assert (opened(folder).collection["p5"].title, opened(folder).collection["p5"].words) == ("", "owls")


def test_line_ends_marks_and_separators_inside_a_text_split_nothing(folder: Path) -> None:
    append("corpus.jsonl", '{"_id": "p5", "text": "one\u2028two\x85three"}\r\n\r\n'.encode())(folder)
    assert opened(folder).collection["p5"].text == "one\u2028two\x85three"


def test_a_pair_that_two_splits_grade_differently_is_refused(folder: Path) -> None:
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tp1\t2\n")
    (folder / "qrels/dev.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tp1\t1\n")
    with pytest.raises(
        UserError, match="dev grades passage 'p1' for query 'q1' with 1 and test with 2; give one grade"
    ):
        opened(folder)
