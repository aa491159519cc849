"""Whether a file is still what it was, without reading it."""

from pathlib import Path


def file_state(path: Path) -> tuple[str, int, int, int]:
    """(path, bytes, time of the last change of content, of content or name): another one under an old name, of the same
    size and with its time put back, has another.
    """
    found = path.stat()
    return str(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns


_TOKENIZER = (  # whatever a tokenizer of some family is read from
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.tiktoken",
    "*.jinja",
    "config.json",
)


def tokenizer_files(folder: Path) -> list[Path]:
    """The files of a folder that its tokenizer may be read from, by name; config.json says of which kind it is."""
    return sorted({path for pattern in _TOKENIZER for path in folder.glob(pattern) if path.is_file()})
