"""Which files of a folder a tokenizer is read from."""

from pathlib import Path

_PATTERNS = (  # of every family
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
    return sorted({path for pattern in _PATTERNS for path in folder.glob(pattern) if path.is_file()})
