"""Rows of a table, whatever file it lies in: CSV, TSV, JSON, JSON lines, parquet, Arrow."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import check_file, objects
from retrieval_kd.text.packed import plain_suffix, unpacked

_DELIMITERS = ",\t;|"
_LONGEST_FIELD = 1 << 27  # characters; csv's own limit of 128 Ki is below a long document
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
HOLDS = "a table of queries and passages"
Values = Mapping[str, Any]


class Row(NamedTuple):
    """One row: file:line (or file:row, from 1), and its values by column."""

    where: str
    values: Values


class Layout(NamedTuple):
    """How a table's text is read: `encoding`, null: by its byte order mark, else UTF-8; `names` of the columns of a CSV
    or TSV whose first row is data already (none: the first row names them).
    """

    encoding: str | None = None
    names: Sequence[str] = ()


PLAIN = Layout()


def rows(path: Path, layout: Layout = PLAIN) -> Iterator[Row]:
    """The rows of a table, read as they are asked for. Raises UserError for a file that cannot be read, and where."""
    reader = READERS.get(plain_suffix(check_file(path, holds=HOLDS)))
    if reader is None:
        raise UserError(f"{path}: no table is read from this ending; give a file that ends with {', '.join(READERS)}")
    return reader(path, layout)


def first_rows(path: Path, layout: Layout = PLAIN, count: int = 100) -> list[Row]:
    """The first rows of a table."""
    return list(islice(rows(path, layout), count))


def columns_of(listed: Sequence[Row]) -> list[str]:
    """The columns that any of these rows has, in order."""
    return list(dict.fromkeys(str(name) for row in listed for name in row.values))


def _csv_rows(path: Path, layout: Layout) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with _text(path, layout.encoding) as file:
            head = file.read(1 << 16)
    except UnicodeDecodeError as error:
        raise _not_decoded(path, layout.encoding, error) from None
    delimiter = _delimiter(head, tabs=plain_suffix(path) == ".tsv")
    unquoted = delimiter == "\t" and not _quoted(head, delimiter)
    with _text(path, layout.encoding) as file:
        reader = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL)
        try:
            names = list(layout.names) or [name.strip() for name in next(reader, [])]
            if len(set(names)) != len(names):
                raise UserError(f"{path} names a column twice ({', '.join(names)}); give each a name of its own")
            for fields in reader:
                if not any(field.strip() for field in fields):
                    continue
                if any("\0" in field for field in fields):
                    raise UserError(f"{path}:{reader.line_num} holds a NUL character, so it is no text; mend it")
                if len(fields) != len(names):
                    raise UserError(
                        f"{path}:{reader.line_num} has {len(fields)} columns and the first line {len(names)}; "
                        "give as many in each, in quotes where a text holds the separator"
                    )
                yield Row(f"{path}:{reader.line_num}", dict(zip(names, fields, strict=True)))
        except csv.Error as error:
            raise UserError(f"{path}:{reader.line_num} is no row of a table ({error}); mend it") from None
        except UnicodeDecodeError as error:
            raise _not_decoded(path, layout.encoding, error) from None


def _delimiter(head: str, *, tabs: bool) -> str:
    """What parts columns: the character that makes the same number of columns, and the most, in the first lines."""
    if tabs:
        return "\t"
    lines = [line for line in head.splitlines()[:20] if line.strip()][: 20 if head.count("\n") > 1 else 1]
    counted = {mark: [line.count(mark) for line in lines] for mark in _DELIMITERS}
    first = {mark: counts[0] for mark, counts in counted.items() if counts and counts[0]}
    even = {mark: count for mark, count in first.items() if len(set(counted[mark])) == 1}
    return max(even or first or {",": 1}, key=(even or first or {",": 1}).__getitem__)


def _quoted(head: str, delimiter: str) -> bool:
    """Whether fields stand in quotes, as spreadsheets write them."""
    return any(part.startswith('"') and part.rstrip("\r\n").endswith('"') for part in head.split(delimiter)[:50])


class _Text:
    """A text stream over an unpacked file, closed with it."""

    def __init__(self, path: Path, encoding: str | None) -> None:
        self.context, self.path, self.encoding = unpacked(path), path, encoding

    def __enter__(self) -> IO[str]:
        file = self.context.__enter__()
        if self.encoding is None:
            with unpacked(self.path) as other:
                start = other.read(3)
            self.encoding = next((name for mark, name in _BOMS.items() if start.startswith(mark)), "utf-8")
        try:
            return io.TextIOWrapper(file, encoding=self.encoding, newline="")
        except LookupError:
            raise UserError(f"corpus.encoding={self.encoding}: there is no such encoding; give one as cp1252") from None

    def __exit__(self, *exception: Any) -> None:
        self.context.__exit__(*exception)


def _text(path: Path, encoding: str | None) -> _Text:
    return _Text(path, encoding)


def _not_decoded(path: Path, encoding: str | None, error: UnicodeDecodeError) -> UserError:
    return UserError(
        f"{path} is not {encoding or 'UTF-8'} (byte {error.object[error.start]:#04x}); save it as UTF-8, or give "
        "corpus.encoding, as cp1252 for what Excel writes in the West"
    )


def _json_lines(path: Path, layout: Layout) -> Iterator[Row]:
    for number, values in objects(path, holds=HOLDS):
        yield Row(f"{path}:{number}", values)


def _json(path: Path, layout: Layout) -> Iterator[Row]:
    """A list of objects, an object that holds one under `data`, `rows` or `examples`, or one object alone; or JSON
    lines under this ending.
    """
    with unpacked(path) as file:
        start = file.read(1 << 12).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{") and b"\n{" in start.replace(b"\r\n", b"\n"):
        yield from _json_lines(path, layout)
        return
    try:
        with unpacked(path) as file:
            parsed = json.loads(file.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _not_decoded(path, None, error) from None
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path} is no JSON ({str(error)[:80]}); give a list of objects, or one object a line"
        ) from None
    listed = parsed
    if isinstance(parsed, dict):
        listed = next(
            (parsed[key] for key in ("data", "rows", "examples") if isinstance(parsed.get(key), list)), [parsed]
        )
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise UserError(f"{path} is JSON but no list of objects; give one, or one object a line")
    yield from (Row(f"{path}: object {number}", one) for number, one in enumerate(listed, 1))


def _parquet(path: Path, layout: Layout) -> Iterator[Row]:
    parquet = _pyarrow(path, "pyarrow.parquet")
    yield from _arrow_rows(path, lambda: parquet.ParquetFile(path).iter_batches())


def _arrow(path: Path, layout: Layout) -> Iterator[Row]:
    """Arrow's stream, as Hugging Face's datasets keep it on disk, or its file format."""
    ipc = _pyarrow(path, "pyarrow.ipc")

    def batches() -> Iterator[Any]:
        with path.open("rb") as file:
            is_file_format = file.read(6) == b"ARROW1"
        if not is_file_format:
            with ipc.open_stream(str(path)) as stream:
                yield from stream
            return
        with ipc.open_file(str(path)) as table:
            yield from (table.get_batch(number) for number in range(table.num_record_batches))

    yield from _arrow_rows(path, batches)


def _arrow_rows(path: Path, batches: Callable[[], Any]) -> Iterator[Row]:
    import pyarrow

    number = 0
    try:
        for batch in batches():
            for values in batch.to_pylist():
                number += 1
                yield Row(f"{path}: row {number}", values)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path} cannot be read ({str(error).splitlines()[0]}); give the whole file") from None


def _pyarrow(path: Path, module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise UserError(f"{path} is read by pyarrow, which is not installed: install retrieval-kd[formats]") from None


READERS: dict[str, Callable[[Path, Layout], Iterator[Row]]] = {
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
    ".arrow": _arrow,
}
