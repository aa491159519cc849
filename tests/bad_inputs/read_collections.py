"""Collections that cannot be read, or say nothing that could be learned."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bad_inputs.row import Place, Row, fifo

CORPUS, QUERIES, TRAIN = "corpus.jsonl", "queries.jsonl", "qrels/train.tsv"
Spoil = Callable[[Path], object]


def _beir(spoil: Spoil) -> Callable[[Place], Sequence[str]]:
    """The good collection, spoilt."""

    def given(place: Place) -> Sequence[str]:
        folder = place.copy(place.goods.beir)
        spoil(folder)
        return [f"corpus.path={folder}"]

    return given


def _written(name: str, content: str | bytes) -> Callable[[Place], Sequence[str]]:
    return _beir(lambda folder: (folder / name).write_bytes(_bytes(content)))


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


def _added(name: str, line: str) -> Callable[[Place], Sequence[str]]:
    def add(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write(line + "\n")

    return _beir(add)


def _folder_at(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _zero(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _msmarco(spoil: Spoil, *more: str) -> Callable[[Place], Sequence[str]]:
    def given(place: Place) -> Sequence[str]:
        folder = place.copy(place.goods.msmarco)
        spoil(folder)
        files = {"queries": "{train:queries.tsv,dev:queries.tsv}", "qrels": "{train:qrels.train.tsv,dev:qrels.dev.tsv}"}
        said = [f"corpus.{key}={value}" for key, value in files.items()]
        return ["corpus=msmarco", f"corpus.path={folder}", *said, *more]

    return given


def _tsv(name: str, content: str | bytes, *more: str) -> Callable[[Place], Sequence[str]]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(_bytes(content))

    return _msmarco(spoil, *more)


def _good(folder: Path) -> None:
    """Nothing is spoilt."""


def _docstrings(*more: str) -> Callable[[Place], Sequence[str]]:
    return lambda place: ["corpus=docstrings", *more]


PASSAGE, QUERY = '{"_id": "p0", "text": "a"}', '{"_id": "q0", "text": "a"}'
HEADER = "query-id\tcorpus-id\tscore\n"
BEIR = (
    Row("beir_nowhere", ["corpus.path=/nowhere/at/all"], ("/nowhere/at/all", "corpus.jsonl"), quick=True),
    Row("beir_no_path", ["corpus.path="], ("corpus.path", "give")),
    Row("beir_null_path", ["corpus.path=null"], ("corpus.path", "give")),
    Row("beir_is_a_file", lambda place: [f"corpus.path={place.file('data', 'x')}"], ("data", "folder"), quick=True),
    Row("beir_empty_folder", lambda place: [f"corpus.path={place.inputs}"], ("inputs", "corpus.jsonl")),
    *(Row(f"beir_no_{name}", _beir(lambda folder, name=name: (folder / name).unlink()), (name, "give"))
      for name in (CORPUS, QUERIES)),
    *(Row(f"beir_folder_at_{name}", _beir(lambda folder, name=name: _folder_at(folder / name)), (name, "folder"))
      for name in (CORPUS, QUERIES, TRAIN)),
    *(Row(f"beir_fifo_at_{name}", _beir(lambda folder, name=name: fifo(folder / name)), (name, "give a file"),
          quick=name == CORPUS) for name in (CORPUS, QUERIES, TRAIN)),
    Row("beir_link_to_itself", _beir(lambda folder: _link_to_itself(folder / CORPUS)), (CORPUS, "give")),
    Row("beir_device", _beir(lambda folder: _zero(folder / CORPUS)), (CORPUS, "give a file")),
    *(Row(f"beir_empty_{name}", _written(name, ""), (name, "give"))
      for name in (CORPUS, QUERIES, TRAIN)),
    *(Row(f"beir_binary_{name}", _written(name, bytes(range(255, -1, -1)) * 9), (name, "UTF-8"))
      for name in (CORPUS, QUERIES, TRAIN)),
    *(Row(f"beir_utf16_{name}", _written(name, PASSAGE.encode("utf-16")), (name, "UTF-8"))
      for name in (CORPUS, QUERIES, TRAIN)),
    Row("beir_half_gzip", _written(CORPUS, gzip.compress(PASSAGE.encode() * 99)[:40]), (CORPUS, "gzip")),
    Row("beir_no_json", _added(CORPUS, '{"_id": "p999", "text"'), (f"{CORPUS}:122", "JSON")),
    Row("beir_deep_json", _added(CORPUS, "[" * 200_000), (f"{CORPUS}:122", "JSON")),
    Row("beir_long_number", _added(CORPUS, '{"_id": ' + "1" * 9_000 + "}"), (f"{CORPUS}:122", "JSON")),
    Row("beir_json_list", _added(CORPUS, '["p999", "text"]'), (f"{CORPUS}:122", "object")),
    Row("beir_no_id", _added(CORPUS, '{"text": "a"}'), (f"{CORPUS}:122", '"_id"')),
    Row("beir_number_as_id", _added(CORPUS, '{"_id": 7, "text": "a"}'), (f"{CORPUS}:122", "string")),
    Row("beir_no_text", _added(CORPUS, '{"_id": "p999"}'), (f"{CORPUS}:122", '"text"')),
    Row("beir_list_as_text", _added(CORPUS, '{"_id": "p999", "text": ["a"]}'), (f"{CORPUS}:122", "string")),
    Row("beir_number_as_title", _added(CORPUS, '{"_id": "p9", "title": 1, "text": "a"}'), (f"{CORPUS}:122", "title")),
    Row("beir_blank_in_id", _added(CORPUS, '{"_id": "p 9", "text": "a"}'), (f"{CORPUS}:122", "white space"),
        quick=True),
    Row("beir_empty_id", _added(CORPUS, '{"_id": "", "text": "a"}'), (f"{CORPUS}:122", "id")),
    Row("beir_id_twice", _added(CORPUS, PASSAGE), (f"{CORPUS}:122", "repeats", "once"), quick=True),
    Row("beir_half_a_character", _added(CORPUS, '{"_id": "p9", "text": "\\ud800"}'), (f"{CORPUS}:122", "Unicode")),
    Row("beir_query_twice", _added(QUERIES, QUERY), (f"{QUERIES}:99", "once")),
    Row("beir_query_without_text", _added(QUERIES, '{"_id": "q999", "text": " "}'), (f"{QUERIES}:99", "text")),
    Row("beir_query_number", _added(QUERIES, '{"_id": "q999", "text": 5}'), (f"{QUERIES}:99", "string")),
    Row("beir_query_blank_in_id", _added(QUERIES, '{"_id": "q 9", "text": "a"}'), (f"{QUERIES}:99", "white space")),
    Row("beir_query_half_a_character", _added(QUERIES, '{"_id": "q999", "text": "\\ud800"}'),
        (f"{QUERIES}:99", "Unicode")),
    Row("beir_no_qrels", _beir(lambda folder: [path.unlink() for path in (folder / "qrels").iterdir()]), ("qrels",)),
    Row("beir_qrels_without_header", _written(TRAIN, "q0\tp0\t1\n"), (f"{TRAIN}:1", "header")),
    Row("beir_qrels_of_two_columns", _written(TRAIN, HEADER + "q0\tp0\n"), (f"{TRAIN}:2", "columns")),
    *(Row(f"beir_grade_{grade}", _written(TRAIN, HEADER + f"q0\tp0\t{grade}\n"), (f"{TRAIN}:2", "grade", "give"),
          quick=grade == "1e30")
      for grade in ("1e30", "--1", "NaN", "inf", "2.5", "one", "1_0", "", "1" + "0" * 30, "٣")),
    Row("beir_no_relevant", _written(TRAIN, HEADER + "q0\tp0\t0\n"), (TRAIN, "above 0")),
    Row("beir_qrels_alone_the_header", _written(TRAIN, HEADER), (TRAIN, "give")),
    Row("beir_unknown_query", _written(TRAIN, HEADER + "nobody\tp0\t1\n"), (f"{TRAIN}:2", "nobody"), quick=True),
    Row("beir_unknown_passage", _written(TRAIN, HEADER + "q0\tnowhere\t1\n"), (f"{TRAIN}:2", "nowhere")),
    Row("beir_two_grades", _written(TRAIN, HEADER + "q0\tp0\t1\nq0\tp0\t2\n"), (f"{TRAIN}:3", "one grade")),
    Row("beir_no_train_split", _beir(lambda folder: (folder / TRAIN).unlink()), ("train",)),
    Row("beir_asked_for_a_split_that_is_none", ["evaluation.splits=[dve]"], ("dve", "dev")),
    *(Row(f"beir_dev_fraction_{value}", [f"corpus.dev_fraction={value}"], ("dev_fraction", "give"))
      for value in ("1", "-0.1", "nan", "inf", "half")),
)  # fmt: skip
MSMARCO = (
    Row("msmarco_nowhere", _msmarco(lambda folder: (folder / "collection.tsv").unlink()), ("collection.tsv", "give")),
    Row("msmarco_folder", _msmarco(lambda folder: _folder_at(folder / "collection.tsv")), ("collection.tsv", "folder")),
    Row("msmarco_fifo", _msmarco(lambda folder: fifo(folder / "queries.tsv")), ("queries.tsv", "give a file")),
    Row("msmarco_empty", _tsv("collection.tsv", ""), ("collection.tsv", "empty")),
    Row("msmarco_no_tab", _tsv("collection.tsv", "p0 text\n"), ("collection.tsv:1", "tab")),
    Row("msmarco_no_query_text", _tsv("queries.tsv", "q0\t \n"), ("queries.tsv:1", "text")),
    Row("msmarco_query_twice", _tsv("queries.tsv", "q0\ta\nq0\tb\n"), ("queries.tsv:2", "once")),
    Row("msmarco_passage_twice", _tsv("collection.tsv", "p0\ta\np0\tb\n"), ("collection.tsv:2", "once")),
    Row("msmarco_blank_in_id", _tsv("collection.tsv", "p 0\ta\n"), ("collection.tsv:1", "white space")),
    Row("msmarco_blank_in_query_id", _tsv("queries.tsv", "q 0\ta\n"), ("queries.tsv:1", "white space")),
    Row("msmarco_three_columns", _tsv("qrels.train.tsv", "q0 p0 1\n"), ("qrels.train.tsv:1", "four columns")),
    *(Row(f"msmarco_grade_{grade}", _tsv("qrels.train.tsv", f"q0 0 p0 {grade}\n"), ("qrels.train.tsv:1", "grade"))
      for grade in ("1e30", "--1", "NaN", "9" * 40)),
    Row("msmarco_unknown_query", _tsv("qrels.dev.tsv", "nobody 0 p0 1\n"), ("qrels.dev.tsv:1", "nobody")),
    Row("msmarco_empty_qrels", _tsv("qrels.train.tsv", ""), ("qrels.train.tsv",)),
    Row("msmarco_no_relevant", _tsv("qrels.train.tsv", "q0 0 p0 0\n"), ("qrels.train.tsv", "above 0")),
    Row("msmarco_queries_alone", _msmarco(_good, "+corpus.queries.test=queries.tsv"), ("corpus.qrels", "splits")),
    Row("msmarco_unknown_split",
        _msmarco(_good, "+corpus.queries.trian=queries.tsv", "+corpus.qrels.trian=qrels.dev.tsv"),
        ("trian", "give")),
    Row("msmarco_columns", _msmarco(_good, "corpus.columns=text"), ("corpus.columns", "id title text")),
    Row("msmarco_too_few_columns", _msmarco(_good, "corpus.columns='id title text'"), ("collection.tsv:1", "columns")),
    Row("msmarco_titles_twice", _msmarco(_good, "corpus.columns='id title text'", "corpus.titles=queries.tsv"),
        ("corpus.titles", "null")),
    Row("msmarco_titles_nowhere", _msmarco(_good, "corpus.titles=none.tsv"), ("none.tsv", "give")),
)  # fmt: skip
DOCSTRINGS = (
    Row("docstrings_unknown", _docstrings("corpus.packages=[no_such_package]"), ("no_such_package",)),
    Row("docstrings_none", _docstrings("corpus.packages=[]"), ("corpus.packages", "give")),
    Row("docstrings_text", _docstrings("corpus.packages=stdlib"), ("corpus.packages=stdlib", "sequence")),
    Row("docstrings_path", _docstrings("corpus.packages=[../secret]"), ("../secret", "give")),
    Row("docstrings_turned_round", _docstrings("corpus.query_words=[40,4]"), ("query_words", "give")),
    Row("docstrings_one_bound", _docstrings("corpus.query_words=[4]"), ("query_words", "give")),
    Row("docstrings_three_bounds", _docstrings("corpus.query_words=[1,2,3]"), ("query_words", "give")),
    Row("docstrings_no_words", _docstrings("corpus.passage_words=0"), ("passage_words", "give")),
    Row("docstrings_minus_words", _docstrings("corpus.passage_words=-3"), ("passage_words", "give")),
    Row("docstrings_too_many_words", _docstrings("corpus.passage_words=1000000"), ("no query",)),
)  # fmt: skip


def _table(name: str, content: str | bytes, *more: str) -> Callable[[Place], Sequence[str]]:
    return lambda place: ["corpus=auto", f"corpus.path={place.file(name, content)}", *more]


def _named(ending: str) -> tuple[str, ...]:
    """What the message names: the file, but of documents, which nobody can have judged, that."""
    return ("no judgments",) if ending in ("txt", "md", "html") else (f"table.{ending}",)


TABLE = "query,positive\nwhat is this,this is that\n"
AUTO = (
    Row("auto_nowhere", ["corpus=auto", "corpus.path=/nowhere/at/all.csv"], ("/nowhere/at/all.csv", "give")),
    Row("auto_fifo", lambda place: ["corpus=auto", f"corpus.path={fifo(place.inputs / 'pipe.csv')}"], ("pipe.csv",)),
    Row("auto_fifo_inside", lambda place: ["corpus=auto", f"corpus.path={fifo(place.inputs / 'a/pipe.txt').parent}"],
        ("inputs/a", "holds nothing")),
    Row("auto_empty_folder", lambda place: ["corpus=auto", f"corpus.path={place.inputs}"], ("inputs", "give")),
    *(Row(f"auto_empty_{ending}", _table(f"table.{ending}", ""), _named(ending))
      for ending in ("csv", "tsv", "json", "jsonl", "parquet", "arrow", "txt", "md", "csv.gz", "zip", "csv.zst")),
    *(Row(f"auto_binary_{ending}", _table(f"table.{ending}", bytes(range(255, -1, -1)) * 9), _named(ending))
      for ending in ("csv", "tsv", "json", "jsonl", "parquet", "arrow", "txt", "html")),
    Row("auto_header_alone", _table("table.csv", "query,positive\n"), ("table.csv",)),
    Row("auto_ragged", _table("table.csv", TABLE + "a,b,c,d\n"), ("table.csv:3",)),
    Row("auto_open_quote", _table("table.csv", TABLE + '"a,b\n'), ("table.csv",)),
    Row("auto_nul", _table("table.csv", TABLE + "a\0,b\n"), ("table.csv",)),
    Row("auto_no_query_column", _table("table.csv", "size,colour\n1,red\n"), ("table.csv", "corpus.columns")),
    Row("auto_column_that_is_not", _table("table.csv", TABLE, "corpus.columns={query:frage,positive:positive}"),
        ("no column 'frage'", "it has")),
    Row("auto_unknown_encoding", _table("table.csv", TABLE, "corpus.encoding=utf-99"), ("encoding", "utf-99")),
    Row("auto_wrong_encoding", _table("table.csv", TABLE.encode() + b"\xff\xfe\xfa,b\n"), ("table.csv", "encoding")),
    Row("auto_json_number", _table("table.json", "5"), ("table.json",)),
    Row("auto_json_cut", _table("table.json", '[{"query": "a", "positive": "b"'), ("table.json",)),
    Row("auto_deep_json", _table("table.json", "[" * 200_000), ("table.json",)),
    *(Row(f"auto_{key}_{value}", _table("table.csv", TABLE, f"corpus.{key}={value}"), (key, "give"))
      for key, value in (("test_fraction", "2"), ("dev_fraction", "-1"), ("seed", "-1"), ("passage_words", "0"),
                         ("pseudo_most", "-1"), ("pseudo", "{nonsense:1}"), ("pseudo", "{title:-1}"))),
)  # fmt: skip
ROWS = (*BEIR, *MSMARCO, *DOCSTRINGS, *AUTO)
