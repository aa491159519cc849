"""What no stage of a recipe makes enters a key by its content: collections, weights, files with runs and scores."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.errors import UserError
from retrieval_kd.io.digests import file_digest, file_state
from retrieval_kd.text.lines import at_home

WEIGHTS = ("checkpoint", "backbone")
FILES = ("candidates", "path", "file")
REFERENCE = "${artifact:"
_fingerprints: dict[tuple[Any, ...], str] = {}


def with_digests(config: dict[str, Any], corpora: dict[str, str]) -> dict[str, Any]:
    """The config with the corpus as its fingerprint, and paths to weights and files as their digests. Raises UserError.

    `corpora` are the fingerprints of one plan, in which files are looked at once; new ones are added.
    """
    node = {key: _digested(key, value, key) for key, value in config.items() if key != "corpus"}
    if "corpus" not in config:
        return node
    corpus_text = json.dumps(config["corpus"], sort_keys=True)
    if corpus_text not in corpora:
        corpora[corpus_text] = fingerprint(config["corpus"])
    return {**node, "corpus": corpora[corpus_text]}


def unreached(configs: Iterable[dict[str, Any]]) -> list[str]:
    """A sentence for each of the weights named in these configs that lie at a hub which does not answer."""
    from retrieval_kd.encoders.weights import HubUnreachable, locate

    sentences = {}
    for name in dict.fromkeys(name for config in configs for name in _named_weights(config)):
        try:
            locate(name)
        except HubUnreachable as error:
            sentences[name] = str(error)
        except UserError:
            continue  # reported where the digest is asked for
    return list(sentences.values())


def _named_weights(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _named_weights(inner, name)
    elif isinstance(value, str) and key in WEIGHTS and REFERENCE not in value:
        yield value


def fingerprint(corpus: dict[str, Any]) -> str:
    """The digest of a collection's files and of how they are read; not read again while they stay as they are.

    Raises UserError if they cannot be read.
    """
    source = build(corpus, "corpus")
    state = (json.dumps(corpus, sort_keys=True), *map(file_state, source.files()))
    if state not in _fingerprints:
        _fingerprints[state] = source.fingerprint()
    return _fingerprints[state]


def _digested(key: str, value: Any, where: str) -> Any:
    if isinstance(value, dict):
        return {name: _digested(name, inner, f"{where}.{name}") for name, inner in value.items()}
    if isinstance(value, list) and key in (*FILES, *WEIGHTS):
        return [_digested(key, inner, where) for inner in value]
    if not isinstance(value, str) or REFERENCE in value:
        return value
    if key in WEIGHTS:
        return _weights_digest(value, where)
    return _given_file_digest(value, where) if key in FILES else value


def _weights_digest(name: str, where: str) -> str:
    from retrieval_kd.encoders.weights import HubUnreachable, digest

    try:
        return digest(name)
    except HubUnreachable:
        return f"unreached {name}"
    except UserError as error:
        raise UserError(f"{where}={name}: {str(error).removeprefix(f'{name}: ')}") from None


def _given_file_digest(path_text: str, where: str) -> str:
    path = at_home(path_text)
    if not path.is_file():
        kind = "this is a folder, not a file" if path.is_dir() else "there is no such file"
        raise UserError(f"{where}={path_text}: {kind}; give a file, or the artifact of a stage that makes one")
    return file_digest(path)
