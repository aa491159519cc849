"""Facts of a backbone's folder, read without torch: how long a text may be, which tensors there are."""

from contextlib import suppress
from pathlib import Path

from retrieval_kd.encoders.weight_files import read_object

_NO_SEGMENTS = ("distilbert", "modernbert", "mpnet")  # model types whose configuration has no key for it
AFTER_PADDING = ("camembert", "mpnet", "roberta", "xlm-roberta")  # model types that count positions from the padding's


def positions(folder: Path) -> int | None:
    """How many tokens a backbone can read in one text; None where its configuration sets no bound."""
    config = read_object(folder / "config.json")
    bound = config.get("max_position_embeddings")
    if bound is None:
        return None
    padding = config.get("pad_token_id")
    before = (1 if padding is None else padding) + 1 if config.get("model_type") in AFTER_PADDING else 0
    return int(bound) - before


def lacks_segments(folder: Path) -> bool:
    """Whether a backbone is known to tell a pair's second text from its first by no embedding (`token_type_ids`)."""
    config = read_object(folder / "config.json")
    return config.get("model_type") in _NO_SEGMENTS or int(config.get("type_vocab_size", 2)) < 2


def shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The tensors of a folder's safetensors, name → shape; a file that is none is refused when it is loaded."""
    from safetensors import SafetensorError, safe_open

    by_name: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with suppress(SafetensorError), safe_open(path, framework="numpy") as file:
            by_name |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    return by_name
