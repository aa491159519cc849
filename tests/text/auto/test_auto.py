"""A corpus from whatever lies at a path: formats are told by looking, and each means what its users mean by it."""

import gzip
import io
import json
import logging
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.auto.source import Auto
from retrieval_kd.text.corpus import Corpus, open_corpus

WORDS = ("heron", "lantern", "granite", "violin", "saffron", "glacier", "meadow", "copper", "timber", "harbor")
PAIRS = [(f"where is the {word}?", f"The {word} is here.") for word in WORDS]
NEGATIVE = "Nothing is here."


def corpus_of(path: Path, tmp_path: Path, **options: Any) -> Corpus:
    return open_corpus(Auto(path=path, **options), tmp_path / "artifacts")


def asked(corpus: Corpus) -> dict[str, set[str]]:
    """Query → the texts judged relevant to it, over all splits."""
    return {
        corpus.queries[name]: {corpus.collection[passage].words for passage in corpus.judgments.relevant(name)}
        for names in corpus.splits.values()
        for name in names
    }


EXPECTED = {query: {answer} for query, answer in PAIRS}


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def lines(rows: list[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def csv(header: str, rows: list[tuple[str, ...]], mark: str = ",") -> str:
    return "\n".join([header, *(mark.join(f'"{value}"' for value in row) for row in rows)]) + "\n"


TABLES: dict[str, tuple[str, str]] = {
    "question and answer": ("faq.csv", csv("Question,Answer", PAIRS)),
    "semicolons": ("faq.csv", csv("question;answer", PAIRS, ";")),
    "tabs without quotes": ("faq.tsv", "query\tpositive\n" + "".join(f"{q}\t{a}\n" for q, a in PAIRS)),
    "anchor and positive": ("pairs.jsonl", lines([{"anchor": q, "positive": a} for q, a in PAIRS])),
    "triples": ("t.jsonl", lines([{"query": q, "positive": a, "negative": NEGATIVE} for q, a in PAIRS])),
    "numbered negatives": (
        "t.csv",
        csv("query,positive,negative_1,negative_2", [(q, a, NEGATIVE, "Nor here.") for q, a in PAIRS]),
    ),
    "scores": (
        "s.jsonl",
        lines(
            [{"query": q, "passage": a, "score": 0.9} for q, a in PAIRS]
            + [{"query": q, "passage": NEGATIVE, "score": 0.1} for q, _ in PAIRS]
        ),
    ),
    "grades": (
        "s.jsonl",
        lines(
            [{"query": q, "passage": a, "score": 2} for q, a in PAIRS]
            + [{"query": q, "passage": NEGATIVE, "score": -1} for q, _ in PAIRS]
        ),
    ),
    "a list of objects": ("faq.json", json.dumps([{"question": q, "answer": a} for q, a in PAIRS])),
    "objects under data": ("faq.json", json.dumps({"version": 1, "data": [{"q": q, "text": a} for q, a in PAIRS]})),
    "Tevatron": (
        "train.jsonl",
        lines(
            [
                {
                    "query_id": str(n),
                    "query": q,
                    "positive_passages": [{"docid": f"d{n}", "title": "", "text": a}],
                    "negative_passages": [{"docid": "x", "title": "", "text": NEGATIVE}],
                }
                for n, (q, a) in enumerate(PAIRS)
            ]
        ),
    ),
    "NeMo": ("nemo.jsonl", lines([{"query": q, "pos_doc": [a], "neg_doc": [NEGATIVE]} for q, a in PAIRS])),
    "DPR": (
        "dpr.json",
        json.dumps(
            [
                {
                    "question": q,
                    "answers": ["here"],
                    "positive_ctxs": [{"title": "", "text": a, "passage_id": n}],
                    "hard_negative_ctxs": [{"title": "", "text": NEGATIVE, "passage_id": 99}],
                    "negative_ctxs": [],
                }
                for n, (q, a) in enumerate(PAIRS)
            ]
        ),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_queries_and_passages_is_read_as_its_users_mean_it(name: str, tmp_path: Path) -> None:
    file, content = TABLES[name]
    (tmp_path / file).write_text(content, encoding="utf-8")
    corpus = corpus_of(tmp_path / file, tmp_path)
    assert asked(corpus) == EXPECTED
    texts = {corpus.collection.at(n).text for n in range(len(corpus.collection))}
    assert texts - {NEGATIVE, "Nor here."} == {answer for _, answer in PAIRS}
    assert {split: len(names) for split, names in corpus.splits.items()} == {"train": 7, "dev": 1, "test": 2}
    if "negative" in content or "neg_doc" in content or "score" in content:
        (other,) = [n for n in range(len(corpus.collection)) if corpus.collection.at(n).text == NEGATIVE]
        assert all(corpus.judgments.grade(q, corpus.collection.id_at(other)) == 0 for q in corpus.splits["train"])


def packed(kind: str, content: bytes, name: str) -> tuple[str, bytes]:
    if kind == "gz":
        return f"{name}.gz", gzip.compress(content)
    if kind == "zst":
        return f"{name}.zst", pytest.importorskip("zstandard").compress(content)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as whole:
        whole.writestr(name, content)
    return f"{Path(name).stem}.zip", archive.getvalue()


@pytest.mark.parametrize("kind", ["gz", "zst", "zip"])
@pytest.mark.parametrize("name", ["question and answer", "anchor and positive", "a list of objects"])
def test_a_packed_table_is_the_table(kind: str, name: str, tmp_path: Path) -> None:
    file, content = packed(kind, TABLES[name][1].encode(), TABLES[name][0])
    (tmp_path / file).write_bytes(content)
    assert asked(corpus_of(tmp_path / file, tmp_path)) == EXPECTED


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_parquet_and_what_hugging_face_keeps_on_disk_are_tables(kind: str, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.Table.from_pylist([{"query": q, "positive": a, "negatives": [NEGATIVE]} for q, a in PAIRS])
    folder = tmp_path / "data"
    for split, part in (("train", table.slice(0, 8)), ("test", table.slice(8))):
        (folder / split).mkdir(parents=True)
        if kind == "parquet":
            import pyarrow.parquet

            pyarrow.parquet.write_table(part, folder / split / "0000.parquet")
        else:
            (folder / split / "state.json").write_text("{}")
            place = str(folder / split / "data-00000-of-00001.arrow")
            with pyarrow.OSFile(place, "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(part)
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    corpus = corpus_of(folder, tmp_path)
    assert asked(corpus) == EXPECTED
    assert len(corpus.splits["test"]) == 2
    assert len(corpus.splits["train"]) + len(corpus.splits["dev"]) == 8


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (lambda text: text.encode("utf-8-sig"), {}),
        (lambda text: text.replace("\n", "\r\n").encode(), {}),
        (lambda text: text.encode("utf-16"), {}),
        (lambda text: text.encode("cp1252"), {"encoding": "cp1252"}),
    ],
)
def test_marks_line_ends_and_encodings_change_nothing(
    change: Callable[[str], bytes], options: dict[str, str], tmp_path: Path
) -> None:
    pairs = [(q, f"{a} Café — “so”") for q, a in PAIRS]
    (tmp_path / "faq.csv").write_bytes(change("Question,Answer\n" + "".join(f'"{q}","{a}"\n' for q, a in pairs)))
    assert asked(corpus_of(tmp_path / "faq.csv", tmp_path, **options)) == {q: {a} for q, a in pairs}


def test_quotes_line_ends_and_separators_inside_a_text_stay_in_it(tmp_path: Path) -> None:
    texts = ['He said "no".', "Two\nlines", "a, b; c", "a\u2028b", "tab\there"]
    rows = [{"query": f"query number {n}", "positive": text} for n, text in enumerate(texts)]
    quoted = "".join('"{}","{}"\n'.format(row["query"], row["positive"].replace('"', '""')) for row in rows)
    (tmp_path / "a.csv").write_text(f"query,positive\n{quoted}", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(lines(rows), encoding="utf-8")
    for name in ("a.csv", "b.jsonl"):
        corpus = corpus_of(tmp_path / name, tmp_path, test_fraction=0, dev_fraction=0)
        assert {corpus.collection.at(n).text for n in range(len(corpus.collection))} == set(texts)


def test_rows_that_come_twice_are_one_and_empty_ones_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [*PAIRS, PAIRS[0], ("", "an answer without a question"), ("a question without an answer", " ")]
    (tmp_path / "faq.csv").write_text(csv("question,answer", rows))
    corpus = corpus_of(tmp_path / "faq.csv", tmp_path)
    assert asked(corpus) == EXPECTED
    assert [corpus.queries[name] for name in corpus.unjudged] == ["a question without an answer"]
    assert corpus.about["rows with a query and no passage"] == "1"
    assert warnings_of(caplog) == ["1 rows have no query: left out"]


def test_ids_are_kept_whole_numbers_and_blanks_among_them(tmp_path: Path) -> None:
    rows = [{"qid": n, "query": q, "docid": f"doc {n}", "passage": a, "title": "T"} for n, (q, a) in enumerate(PAIRS)]
    (tmp_path / "x.jsonl").write_text(lines(rows))
    corpus = corpus_of(tmp_path / "x.jsonl", tmp_path)
    assert set(corpus.queries) == {str(n) for n in range(10)}
    assert corpus.collection["doc_3"].title == "T"


def test_texts_alone_get_queries_of_several_kinds(tmp_path: Path) -> None:
    texts = [
        {"title": f"All of {word}", "text": f"The {word} is old. It has a {word} bar. Nobody asks."} for word in WORDS
    ]
    (tmp_path / "texts.jsonl").write_text(lines(texts))
    corpus = corpus_of(tmp_path / "texts.jsonl", tmp_path)
    assert corpus.splits == {}
    assert (len(corpus.unjudged), len(corpus.held_out)) == (9, 1)
    assert corpus.collection.at(0).title == "All of heron"
    only = corpus_of(tmp_path / "texts.jsonl", tmp_path, pseudo={"title": 1.0})
    assert {only.queries[name] for name in (*only.unjudged, *only.held_out)} == {f"All of {word}" for word in WORDS}
    with pytest.raises(UserError, match=r"corpus\.pseudo\.titles: there is no such way; give shares of title, "):
        Auto(path=tmp_path, pseudo={"titles": 1.0})
    with pytest.raises(UserError, match=r"brings no query, and corpus\.pseudo makes none"):
        corpus_of(tmp_path / "texts.jsonl", tmp_path, pseudo={})


def test_a_folder_of_documents_is_cut_at_headings_and_lengths(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / "a b.md").write_text("# Herons\n\nHerons fish.\n\n## Nests\n\nIn trees.\n\n```\n# no heading\n```\n")
    (folder / "deep" / "page.html").write_text(
        "<html><head><title>Lamps</title><style>x{}</style></head><body><h1>Lanterns</h1><p>They <b>glow</b>.</p>"
        "<script>no()</script><p>At &amp; night.</p></body></html>"
    )
    (folder / "long.txt").write_text("One two three four five. Six seven eight nine ten.\n\nEleven twelve.")
    (folder / ".hidden.md").write_text("no")
    corpus = corpus_of(folder, tmp_path, passage_words=7)
    there = {corpus.collection.at(n).id: corpus.collection.at(n) for n in range(len(corpus.collection))}
    assert (there["a%20b.md#0"].title, there["a%20b.md#0"].text) == ("Herons", "Herons fish.")
    assert there["a%20b.md#1"].text == "In trees.\n\n```\n# no heading\n```"
    assert (there["deep/page.html#0"].title, there["deep/page.html#0"].text) == (
        "Lanterns",
        "They glow.\n\nAt & night.",
    )
    assert [there[f"long.txt#{n}"].text for n in range(2)] == [
        "One two three four five.",
        "Six seven eight nine ten.\n\nEleven twelve.",
    ]
    assert not any("hidden" in name for name in there)


def test_layouts_with_a_reader_of_their_own_are_read_by_it(tmp_path: Path) -> None:
    beir, marco = tmp_path / "beir", tmp_path / "marco"
    (beir / "qrels").mkdir(parents=True)
    marco.mkdir()
    (beir / "corpus.jsonl").write_text(lines([{"_id": "p", "text": "here"}]))
    (beir / "queries.jsonl").write_text(lines([{"_id": "q", "text": "where?"}, {"_id": "r", "text": "who?"}]))
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\tp\t1\n")
    corpus = corpus_of(beir, tmp_path)
    assert (corpus.splits, corpus.unjudged) == ({"test": ("q",)}, ("r",))
    assert corpus.about["recognised"] == "corpus.jsonl and queries.jsonl"
    (marco / "collection.tsv").write_text("1\there\n")
    (marco / "queries.train.tsv").write_text("7\twhere?\n")
    (marco / "qrels.train.tsv").write_text("7\t0\t1\t1\n")
    assert corpus_of(marco, tmp_path).splits["train"] == ("7",)


@pytest.mark.parametrize(
    ("name", "content", "options", "sentence"),
    [
        ("x.csv", "a,b\n1,2\n", {}, r"no column's name tells of a query or a text; its columns are: a, b\. Say which"),
        ("x.csv", "query,answer\nq\n", {}, r"x\.csv:2 has 1 columns and the first line 2"),
        ("x.csv", "query,query\nq,a\n", {}, "names a column twice"),
        ("x.csv", "query,answer\n", {}, "has no row"),
        ("x.csv", "query,answer\nq,\xff\n", {}, r"is not UTF-8 \(byte 0xff\); save it as UTF-8, or give corpus\.enc"),
        ("x.csv", "query,answer\nq,a\n", {"encoding": "latin-99"}, "there is no such encoding"),
        ("x.csv", "query,answer\nq,a\n", {"columns": {"query": "Q"}}, "has no column 'Q'; it has query, answer"),
        ("x.csv", "query,answer\nq,a\n", {"columns": {"ask": "query"}}, r"corpus\.columns\.ask: a column holds one of"),
        ("x.jsonl", '{"query": {"a": 1}, "positive": "b"}\n', {}, r"x\.jsonl:1: \"query\" is .* give a text"),
        ("x.jsonl", '{"query": "q", "positive": "b", "score": "high"}\n', {}, "give a number"),
        ("x.json", "[1, 2]", {}, "is JSON but no list of objects"),
        ("x.json", "{", {}, "is no JSON"),
        ("x.parquet", "no parquet", {}, "cannot be read"),
        ("x.exe", "", {}, "no table is read from this ending; give a file that ends with .csv"),
        ("x.csv.gz", "\x1f\x8bno", {}, "is gzip that cannot be unpacked"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    name: str, content: str, options: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=sentence):
        corpus_of(tmp_path / name, tmp_path, **options)


def test_a_path_without_anything_to_read_says_what_it_may_hold(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file or folder"):
        corpus_of(tmp_path / "nothing", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds nothing that is read here; give a table"):
        corpus_of(tmp_path / "empty", tmp_path)
    (tmp_path / "mixed").mkdir()
    for name in ("train.csv", "other.csv"):
        (tmp_path / "mixed" / name).write_text("query,answer\nq,a\n")
    with pytest.raises(UserError, match=r"holds files of splits and others \(other\.csv\)"):
        corpus_of(tmp_path / "mixed", tmp_path)


def test_a_table_without_a_first_line_of_names_is_named_by_its_user(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("".join(f"{q}\t{a}\n" for q, a in PAIRS))
    assert asked(corpus_of(tmp_path / "x.tsv", tmp_path, header=["query", "positive"])) == EXPECTED


def test_chunks_with_the_id_of_their_document_are_passages_of_their_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"query": q, "doc_id": "d", "passage": a} for q, a in PAIRS]
    (tmp_path / "x.jsonl").write_text(lines(rows))
    assert asked(corpus_of(tmp_path / "x.jsonl", tmp_path)) == EXPECTED
    assert warnings_of(caplog) == [f"{tmp_path / 'x.jsonl'}: 9 passages have the id of another text: named <id>#…"]


def test_a_role_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ask,reply\nq,a\n")
    (tmp_path / "b.csv").write_text("query,answer,body\nq,a,b\n")
    for name, columns, sentence in (
        (
            "a.csv",
            {"positive": "reply"},
            r"corpus\.columns\.positive has no effect in .*: give corpus\.columns\.query too",
        ),
        ("b.csv", {"text": "body"}, r"corpus\.columns\.text has no effect in .*, where a column holds queries"),
        ("b.csv", {"positive": ["answer", "body"]}, "give one column; negative alone takes several"),
    ):
        with pytest.raises(UserError, match=sentence):
            corpus_of(tmp_path / name, tmp_path, columns=columns)


def test_zstandard_that_was_cut_short_is_no_whole_file(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    content = zstandard.compress(lines([{"query": q, "positive": f"{a} {'x' * 999}"} for q, a in PAIRS]).encode())
    (tmp_path / "x.jsonl.zst").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"cut short\); give the whole file"):
        corpus_of(tmp_path / "x.jsonl.zst", tmp_path)


def test_whole_floats_are_ids_and_gaps_are_empty(tmp_path: Path) -> None:
    rows = [{"query_id": float(n), "query": q, "positive": a, "title": float("nan")} for n, (q, a) in enumerate(PAIRS)]
    (tmp_path / "x.jsonl").write_text(lines(rows))
    assert set(corpus_of(tmp_path / "x.jsonl", tmp_path).queries) == {str(n) for n in range(10)}
