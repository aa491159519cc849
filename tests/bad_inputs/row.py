"""One bad input: how it is made, and what the program must say of it."""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.planted import planted_backbone, write_planted


@dataclass(frozen=True)
class Goods:
    """What a row spoils a copy of: a collection, the same as MS MARCO's files, backbones, scorers saved from one."""

    beir: Path
    msmarco: Path
    backbone: Path
    other: Path  # a backbone of other sizes and words
    dual: Path
    late: Path


@dataclass(frozen=True)
class Place:
    """Where a row works: `inputs` for what it makes, `work` to start the program in."""

    goods: Goods
    folder: Path

    @property
    def inputs(self) -> Path:
        return self.folder / "inputs"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def file(self, name: str, content: str | bytes) -> Path:
        """A file of the inputs with this content."""
        path = self.inputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def copy(self, good: Path) -> Path:
        """A copy of a folder of the goods, among the inputs."""
        return Path(shutil.copytree(good, self.inputs / good.name))


Given = Callable[[Place], Sequence[str]]


@dataclass(frozen=True)
class Row:
    """`given` makes the input and gives the overrides (of the last words for one key the later stands); `words` are
    what the message must hold; `env` are variables that are set (None: unset), and `apart` says that the row needs a
    process of its own, `before` which the shell does this in its folder. `quick` rows run in the quick suite.
    """

    name: str
    given: Given | Sequence[str]
    words: tuple[str, ...]
    env: Mapping[str, str | None] = field(default_factory=dict)
    apart: bool = False
    before: str = ""
    quick: bool = False

    def overrides(self, place: Place) -> list[str]:
        """The words of the command: good ones, but for what this row says."""
        given = self.given(place) if callable(self.given) else self.given
        said = {_key(word): word for word in (*good_words(place.goods), *given)}
        if said["corpus"] == "corpus=docstrings":
            del said["corpus.path"]
        return list(said.values())


def good_words(goods: Goods) -> list[str]:
    """A command that would run: a student of two small layers, two steps, no teacher."""
    return [
        *("corpus=beir", f"corpus.path={goods.beir}", "machine=cpu", "teacher=none", "loss=contrastive"),
        *(f"student.backbone={goods.backbone}", "student.layers=null", "optim.steps=2", "data.queries_per_step=4"),
    ]


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0]


def write_goods(folder: Path) -> Goods:
    """All goods, made anew."""
    from retrieval_kd.app.stages.open_scorers import open_scorer
    from tests.contracts.options import option

    beir = write_planted(folder / "beir")
    backbone = planted_backbone(folder / "backbone", beir)
    other = planted_backbone(folder / "other", _words_alone(folder / "words"), layers=3, dim=16)
    saved = {}
    for kind in ("dual", "late"):
        saved[kind] = folder / kind
        open_scorer({**option("scorer", kind), "backbone": str(backbone), "projection": 8}, seed=0).save(saved[kind])
    return Goods(beir, write_msmarco(folder / "msmarco", beir), backbone, other, saved["dual"], saved["late"])


def write_msmarco(folder: Path, beir: Path) -> Path:
    """The same collection as MS MARCO's files."""
    folder.mkdir()
    for name, target in (("corpus", "collection.tsv"), ("queries", "queries.tsv")):
        rows = map(json.loads, (beir / f"{name}.jsonl").read_text().splitlines())
        (folder / target).write_text("".join(f"{row['_id']}\t{row['text']}\n" for row in rows))
    for split in ("train", "dev"):
        lines = (beir / "qrels" / f"{split}.tsv").read_text().splitlines()[1:]
        columns = (line.split("\t") for line in lines)
        (folder / f"qrels.{split}.tsv").write_text("".join(f"{q} 0 {p} {grade}\n" for q, p, grade in columns))
    return folder


def _words_alone(folder: Path) -> Path:
    folder.mkdir()
    for name in ("corpus", "queries"):
        (folder / f"{name}.jsonl").write_text(json.dumps({"_id": "1", "text": "nothing of the collection"}) + "\n")
    return folder


def fifo(path: Path) -> Path:
    """A pipe that nobody writes to, in the place of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    return path
