"""Files as they are, or packed by gzip, zstandard or zip: recognised by their first bytes, unpacked on the way."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, cast

from retrieval_kd.errors import UserError
from retrieval_kd.io.digests import FileState, file_state

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
PACKED = (".gz", ".zst", ".zip")


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked. Raises UserError for an archive that is broken or holds several files, and for
    zstandard where that is not installed.
    """
    with path.open("rb") as file:
        start = file.read(4)
    try:
        if start.startswith(_GZIP):
            with gzip.open(path, "rb") as plain:
                yield cast(IO[bytes], plain)
        elif start == _ZSTD:
            with _zstandard(path) as plain:
                yield plain
        elif start == _ZIP:
            with zipfile.ZipFile(path) as archive, archive.open(_only_member(path, archive)) as plain:
                yield plain
        else:
            with path.open("rb") as plain:
                yield plain
    except RuntimeError as error:  # of zipfile, for what is encrypted or compressed in a way that it does not know
        if start != _ZIP:
            raise
        raise UserError(f"{path} is zip that cannot be unpacked ({error}); unpack it and give the folder") from None
    except (gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error) as error:
        kind = "zip" if start == _ZIP else "gzip"
        raise UserError(f"{path} is {kind} that cannot be unpacked ({error}); give the whole file") from None


@contextmanager
def _zstandard(path: Path) -> Iterator[IO[bytes]]:
    try:
        import zstandard
    except ModuleNotFoundError:
        raise UserError(
            f"{path} is packed by zstandard, which is not installed here: install retrieval-kd[formats], or unpack it"
        ) from None
    _check_zstandard(path, file_state(path))
    with zstandard.open(path, "rb") as raw, io.BufferedReader(raw) as plain:
        try:
            yield plain
        except zstandard.ZstdError as error:
            raise UserError(f"{path} is zstandard that cannot be unpacked ({error}); give the whole file") from None


@lru_cache(maxsize=256)
def _check_zstandard(path: Path, state: FileState) -> None:
    """Raises UserError for one that was cut short, which reading alone does not tell."""
    import zstandard

    frame = zstandard.ZstdDecompressor().decompressobj()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                while block:
                    frame = zstandard.ZstdDecompressor().decompressobj() if frame.eof else frame
                    frame.decompress(block)
                    block = frame.unused_data
    except zstandard.ZstdError as error:
        raise UserError(f"{path} is zstandard that cannot be unpacked ({error}); give the whole file") from None
    if not frame.eof:
        raise UserError(f"{path} is zstandard that cannot be unpacked (it was cut short); give the whole file")


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise UserError(f"{path} holds {len(names)} files; unpack it and give the folder, or one of them")
    return names[0]


def plain_suffix(path: Path) -> str:
    """What a file's name ends with, packing aside, in lower case: .csv of a.CSV.gz; inside a zip its one file's."""
    name = path
    if name.suffix.lower() in PACKED:
        if name.suffix.lower() == ".zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return Path(_only_member(path, archive)).suffix.lower()
        name = name.with_suffix("")
    return name.suffix.lower()
