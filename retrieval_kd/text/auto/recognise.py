"""What a path holds, recognised by the names of its files and, of tables, by their first rows."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from retrieval_kd.errors import UserError
from retrieval_kd.text.auto.columns import Columns, guessed
from retrieval_kd.text.auto.documents import ENDINGS, files_of
from retrieval_kd.text.auto.tables import READERS, Layout, columns_of, first_rows
from retrieval_kd.text.corpus import SPLITS
from retrieval_kd.text.packed import PACKED, plain_suffix

_SPLITS = {"train": "train", "dev": "dev", "validation": "dev", "valid": "dev", "val": "dev", "test": "test"}
_SPLIT = re.compile(r"(?:^|[._\-/])(train|dev|validation|valid|val|test)(?=$|[._\-/\d])")
_MSMARCO_SPLITS = {  # the later of two names is taken
    "train": ("queries.train.tsv",),
    "dev": ("queries.dev.tsv", "queries.dev.small.tsv"),
    "test": ("queries.test.tsv",),
}


class Table(NamedTuple):
    """Files of one table, and what their columns hold."""

    files: tuple[Path, ...]
    columns: Columns


class Recognised(NamedTuple):
    """`kind` is beir, msmarco, tables or documents; `tables` by split, "" where the files tell of none; `files` are
    those of a folder of documents; `because` says what it was recognised by.
    """

    kind: str
    because: str
    tables: Mapping[str, Table] = {}
    files: tuple[Path, ...] = ()


def recognised(path: Path, layout: Layout, columns: Mapping[str, str | Sequence[str]]) -> Recognised:
    """What a file or folder holds. Raises UserError where nothing there can be read, or nothing is there."""
    if not path.exists():
        raise UserError(f"corpus.path={path}: there is no such file or folder; give one that is there")
    if path.is_file() and plain_suffix(path) in ENDINGS:
        return Recognised("documents", f"a {plain_suffix(path)} file", files=(path,))
    if path.is_file():
        return _tables([path], path, layout, columns)
    if not path.is_dir():
        raise UserError(f"corpus.path={path} is neither a file nor a folder; give one of them")
    if _has_file(path, "corpus.jsonl") and _has_file(path, "queries.jsonl"):
        return Recognised("beir", "corpus.jsonl and queries.jsonl")
    if _has_file(path, "collection.tsv") and msmarco_files(path)[0]:
        return Recognised("msmarco", "collection.tsv and queries.*.tsv")
    if packed := [name for name in ("corpus.jsonl", "queries.jsonl", "collection.tsv") if _packed(path, name)]:
        raise UserError(f"corpus.path={path} holds {packed[0]} packed; unpack the files of BEIR's or MS MARCO's layout")
    listed = sorted(one for one in path.rglob("*") if one.is_file() and _is_table(one, path))
    documents = files_of(path)
    if listed and len(documents) <= len(listed):
        return _tables(listed, path, layout, columns)
    if documents:
        kinds = ", ".join(sorted({plain_suffix(one) for one in documents}))
        return Recognised("documents", f"{len(documents)} files that end with {kinds}", files=tuple(documents))
    raise UserError(
        f"corpus.path={path} holds nothing that is read here; give a table ({', '.join(READERS)}), a folder of "
        f"texts ({', '.join(ENDINGS)}), or BEIR's or MS MARCO's files"
    )


def _has_file(folder: Path, name: str) -> bool:
    return (folder / name).is_file()


def _packed(folder: Path, name: str) -> bool:
    return any((folder / f"{name}{suffix}").is_file() for suffix in PACKED)


def _is_table(path: Path, folder: Path) -> bool:
    """Whether a file is a table of the data, not one that tells about them."""
    about = ("dataset_info.json", "dataset_dict.json", "state.json", "metadata.json", "config.json")
    hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    return plain_suffix(path) in READERS and path.name not in about and not hidden


def _tables(
    files: Sequence[Path], path: Path, layout: Layout, columns: Mapping[str, str | Sequence[str]]
) -> Recognised:
    by_split: dict[str, list[Path]] = {}
    for file in files:
        by_split.setdefault(_split_of(file, path), []).append(file)
    if len(by_split) > 1 and "" in by_split:
        of_no_split = ", ".join(file.name for file in by_split[""][:3])
        raise UserError(f"{path} holds files of splits and others ({of_no_split}); give one file, or take those away")
    tables: dict[str, Table] = {
        split: _table(by_split[split], layout, columns) for split in (*SPLITS, "") if split in by_split
    }
    one = next(iter(tables.values()))
    endings = ", ".join(sorted({plain_suffix(file) for file in files}))
    description = (
        f"{len(files)} {'table' if len(files) == 1 else 'tables'} ({endings}) with {one.columns.description()}"
    )
    return Recognised("tables", description, tables)


def _table(files: Sequence[Path], layout: Layout, columns: Mapping[str, str | Sequence[str]]) -> Table:
    first = first_rows(files[0], layout)
    if not first:
        raise UserError(f"{files[0]} has no row; give one with a query or a text in each")
    names = columns_of(first)
    roles = guessed(names, columns, where=str(files[0]))
    for other in files[1:]:
        other_names = columns_of(first_rows(other, layout, count=1))
        if (
            other_names
            and set(other_names) != set(columns_of(first[:1]))
            and guessed(other_names, columns, where=str(other)) != roles
        ):
            raise UserError(
                f"{other} has other columns ({', '.join(other_names)}) than {files[0]}; give files of one form"
            )
    return Table(tuple(files), roles)


def _split_of(file: Path, path: Path) -> str:
    """The split that a file's name, or its folder's, tells of: train-00000-of-00001.parquet, validation/x.arrow."""
    if file == path:
        return ""
    names = _SPLIT.findall(file.relative_to(path).as_posix().lower())
    return _SPLITS[names[0]] if names else ""


def msmarco_files(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The names of MS MARCO's queries and qrels by split. Raises UserError for queries without qrels."""
    queries = {split: name for split, names in _MSMARCO_SPLITS.items() for name in names if (folder / name).is_file()}
    qrels = {split: name.replace("queries.", "qrels.", 1) for split, name in queries.items()}
    for name in qrels.values():
        if not (folder / name).is_file():
            raise UserError(
                f"{folder} holds {name.replace('qrels.', 'queries.', 1)} and no {name}; give both, or neither"
            )
    return queries, qrels


def unread_options(holds: Recognised, *, judged: bool) -> list[str]:
    """The options of corpus=auto that say nothing of what lies there."""
    unread = {"held_out"} if judged else {"test_fraction", "dev_fraction"}
    unread |= set() if holds.kind == "documents" else {"passage_words"}
    unread |= set() if holds.kind == "tables" else {"columns", "header"}
    unread |= set() if holds.kind in ("tables", "documents") else {"encoding", "pseudo", "pseudo_most"}
    unread |= set() if "" in holds.tables else {"test_fraction"}
    unread |= {"dev_fraction", "seed", "drop_same_id"} if holds.kind == "msmarco" else set()
    unread |= {"dev_fraction"} if "dev" in holds.tables else set()
    return sorted(unread)
