"""What reads files that users bring, each from bytes: it gives something or raises a UserError, whatever they are."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from retrieval_kd.encoders.weight_files import check_tensor_file, read_object
from retrieval_kd.measures.evaluate import Report
from retrieval_kd.scorers.record import RECORD, read_record
from retrieval_kd.text.auto.source import Auto
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.msmarco import MsMarco
from retrieval_kd.text.records import Passage
from retrieval_kd.text.run import Run
from retrieval_kd.text.score_file import log_odds, read_scores
from retrieval_kd.text.titles import Titles

Read = Callable[[Path], Any]
PASSAGES = [Passage("p1", "a title", "a text"), Passage("p2", "", "another text")]
HEADER = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'  # of a file with one number
SEEDS: Mapping[str, bytes] = {  # a good file of each kind, from which a fuzzer sets out
    "run": b"q1 Q0 p1 1 2.5 name\nq1 Q0 p2 2 -inf name\n",
    "qrels": b"query-id\tcorpus-id\tscore\nq1\tp1\t1\nq1\tp2\t0\n",
    "scores": b"q1\tp1\t0.5\nq1\tp2\t1e-3\n",
    "score_triples": b"2.5\t1.5\tq1\tp1\tp2\n",
    "score_lists": b'{"query_id": "q1", "passage_ids": ["p1"], "scores": [0.5]}\n',
    "beir_corpus": b'{"_id": "p1", "title": "a", "text": "b"}\n',
    "beir_queries": b'{"_id": "q1", "text": "a"}\n',
    "beir_qrels": b"query-id\tcorpus-id\tscore\nq1\tp1\t1\n",
    "msmarco_collection": b"p1\ta text\np2\tanother\n",
    "msmarco_titled": b"p1\ta title\ta text\n",
    "msmarco_queries": b"q1\ta query\n",
    "msmarco_qrels": b"q1 0 p1 1\nq1 0 p2 0\n",
    "titles": b"p1\ta title\n",
    "table.csv": b'query,positive\n"what, then",this\nwhy,"because ""so"""\n',
    "table.tsv": b"query\tpositive\nwhat\tthis\n",
    "table.jsonl": b'{"query": "what", "positive": "this", "negative": ["that"]}\n',
    "table.json": b'[{"query": "what", "positive": "this"}]',
    "table.md": b"# A title\n\nA text.\n\n## Another\n\nMore.\n",
    "table.html": b"<html><h1>A title</h1><p>A text &amp; more.</p></html>",
    "record": b'{"kind": "dual", "encoders": {"text": "."}, "form": {}}',
    "config": b'{"model_type": "bert", "num_hidden_layers": 2}',
    "tensors": struct.pack("<Q", len(HEADER)) + HEADER + bytes(4),
    "report": b'{"query": "q1", "RR@10": 0.5}\n',
}


class Readers:
    """The readers by name, over a folder of theirs in which good files stand beside the one that is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.collection = Collection.write(folder / "passages", PASSAGES)
        for name in ("beir", "msmarco"):
            (folder / name / "qrels").mkdir(parents=True)
        self.spots = self._spots()
        for name, path in self.spots.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(SEEDS[name])

    def read(self, name: str, content: bytes) -> Any:
        """What the reader of this name makes of these bytes. Raises UserError."""
        path = self.spots[name]
        path.write_bytes(content)
        try:
            return self._readers()[name](path)
        finally:
            path.write_bytes(SEEDS[name])

    def _spots(self) -> dict[str, Path]:
        """Where the file of each reader stands."""
        own = {name: self.folder / name / name for name in SEEDS}
        beir, msmarco = self.folder / "beir", self.folder / "msmarco"
        return own | {
            "beir_corpus": beir / "corpus.jsonl",
            "beir_queries": beir / "queries.jsonl",
            "beir_qrels": beir / "qrels" / "train.tsv",
            "msmarco_collection": msmarco / "collection.tsv",
            "msmarco_titled": msmarco / "titled.tsv",
            "msmarco_queries": msmarco / "queries.tsv",
            "msmarco_qrels": msmarco / "qrels.tsv",
            "record": self.folder / "record" / RECORD,
        }

    def _readers(self) -> dict[str, Read]:
        return {
            "run": Run.read,
            "qrels": lambda path: list(Judgments.read(path)),
            "scores": lambda path: log_odds(read_scores(path, "auto")),
            "score_triples": lambda path: read_scores(path, "triples"),
            "score_lists": lambda path: read_scores(path, "lists"),
            **dict.fromkeys(("beir_corpus", "beir_queries", "beir_qrels"), self._beir),
            **dict.fromkeys(("msmarco_collection", "msmarco_queries", "msmarco_qrels"), self._msmarco),
            "msmarco_titled": lambda path: self._msmarco(path, collection="titled.tsv", columns="id title text"),
            "titles": lambda path: list(Titles(path).of(iter(PASSAGES))),
            **dict.fromkeys((name for name in SEEDS if name.startswith("table.")), self._auto),
            "record": lambda path: read_record(path.parent),
            "config": read_object,
            "tensors": check_tensor_file,
            "report": Report.read,
        }

    def _beir(self, _: Path) -> Any:
        parsed = Beir(path=self.folder / "beir", drop_same_id=False).read()
        return list(parsed.passages), parsed.questions(self.collection)

    def _msmarco(self, _: Path, **options: Any) -> Any:
        splits = {"queries": {"train": "queries.tsv"}, "qrels": {"train": "qrels.tsv"}}
        parsed = MsMarco(path=self.folder / "msmarco", **splits, **options).read()
        return list(parsed.passages), parsed.questions(self.collection)

    def _auto(self, path: Path) -> Any:
        source = Auto(path=path)
        return list(source.files()), list(source.read().passages)
