"""Folders of weights that are damaged, of another kind, or bring code."""

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bad_inputs.row import Given, Place, Row, fifo

WEIGHTS, CONFIG = "model.safetensors", "config.json"
HEAD, RECORD = "head.safetensors", "scorer.json"
Spoil = Callable[[Path], object]


def _spoilt(good: str, spoil: Spoil, key: str, *more: str) -> Given:
    """A copy of one of the goods, spoilt, as what the key names."""

    def given(place: Place) -> Sequence[str]:
        folder = place.copy(getattr(place.goods, good))
        spoil(folder)
        return [*more, f"{key}={folder}"]

    return given


def _backbone(spoil: Spoil) -> Given:
    return _spoilt("backbone", spoil, "student.backbone")


def _dual(spoil: Spoil) -> Given:
    """A dual encoder that was saved, as the student's checkpoint."""
    return _spoilt("dual", spoil, "student.checkpoint")


def _late(spoil: Spoil) -> Given:
    """A late-interaction teacher that was saved, which trains nothing."""
    return _spoilt("late", spoil, "teacher.late.checkpoint", "teacher=colbert", "loss=listwise_kl")


def _encoder(folder: Path) -> Path:
    """Where the encoder of a saved scorer lies."""
    return folder if (folder / CONFIG).exists() else next(folder.glob(f"*/{CONFIG}")).parent


def _tensors(folder: Path, change: Callable[[dict[str, Any]], object], name: str = WEIGHTS) -> None:
    from safetensors.torch import load_file, save_file

    folder = folder if name == HEAD else _encoder(folder)
    held = load_file(folder / name)
    changed = change(held)
    save_file(changed if isinstance(changed, dict) else held, folder / name, metadata={"format": "pt"})


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _without(path: Path, *keys: str) -> None:
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key not in keys}))


def _pickled(folder: Path) -> None:
    """Weights as a pickle that would leave a trace if it were read."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


class Trap:
    """Makes a file in the working folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("unpickled"),)


def _trap(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))


def _renamed(tensors: dict[str, Any]) -> dict[str, Any]:
    return {f"model.{name}": value for name, value in tensors.items()}


def _one_renamed(tensors: dict[str, Any]) -> None:
    name = sorted(tensors)[0]
    tensors[f"{name}.old"] = tensors.pop(name)


def _nan(tensors: dict[str, Any]) -> None:
    tensors[sorted(tensors)[0]].view(-1)[0] = float("nan")


def _narrower(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: value[..., :-1].contiguous() for name, value in tensors.items()}


def _no_tokenizer(folder: Path) -> None:
    for path in folder.glob("*token*"):
        path.unlink()


def _auto_map(folder: Path) -> None:
    _json(folder / CONFIG, auto_map={"AutoModel": "code.Model", "AutoConfig": "code.Config"}, model_type="mine")
    (folder / "code.py").write_text("open('executed', 'w')\n")


def _two_shards(folder: Path) -> None:
    """An index that names a shard which is not there."""
    (folder / WEIGHTS).rename(folder / "model-00001-of-00002.safetensors")
    from safetensors import safe_open

    with safe_open(folder / "model-00001-of-00002.safetensors", "pt") as file:
        names = sorted(file.keys())
    places = {name: f"model-0000{1 + place % 2}-of-00002.safetensors" for place, name in enumerate(names)}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def _other_config(place: Place) -> Sequence[str]:
    folder = place.copy(place.goods.backbone)
    (folder / CONFIG).write_bytes((place.goods.other / CONFIG).read_bytes())
    return [f"student.backbone={folder}"]


ENCODERS: tuple[tuple[str, Spoil, tuple[str, ...]], ...] = (
    ("cut", lambda folder: _cut(_encoder(folder) / WEIGHTS), ("give",)),
    ("of_no_length", lambda folder: (_encoder(folder) / WEIGHTS).write_bytes(b""), ("give",)),
    ("of_noise", lambda folder: (_encoder(folder) / WEIGHTS).write_bytes(bytes(range(256)) * 99), ("give",)),
    ("with_a_huge_header", lambda folder: (_encoder(folder) / WEIGHTS).write_bytes(b"\xff" * 64), ("give",)),
    ("missing", lambda folder: (_encoder(folder) / WEIGHTS).unlink(), ("give",)),
    ("with_other_names", lambda folder: _tensors(folder, _renamed), ("missing",)),
    ("with_one_renamed", lambda folder: _tensors(folder, _one_renamed), ("missing",)),
    ("with_one_missing", lambda folder: _tensors(folder, lambda held: held.pop(sorted(held)[0])), ("missing",)),
    ("with_nan", lambda folder: _tensors(folder, _nan), ("not finite",)),
    ("of_other_sizes", lambda folder: _tensors(folder, _narrower), ("config.json",)),
    ("with_fewer_layers", lambda folder: _json(_encoder(folder) / CONFIG, num_hidden_layers=5), ("missing", "layer")),
    ("without_tokenizer", lambda folder: _no_tokenizer(_encoder(folder)), ("tokenizer",)),
    ("without_config", lambda folder: (_encoder(folder) / CONFIG).unlink(), ("config.json",)),
    ("with_no_json", lambda folder: (_encoder(folder) / CONFIG).write_text("{"), ("config.json",)),
    ("with_a_list", lambda folder: (_encoder(folder) / CONFIG).write_text("[]"), ("config.json",)),
    ("of_no_kind", lambda folder: _without(_encoder(folder) / CONFIG, "model_type", "architectures"), ("model_type",)),
    ("of_an_unknown_kind", lambda folder: _json(_encoder(folder) / CONFIG, model_type="mine"), ("mine",)),
    ("with_a_text_as_width", lambda folder: _json(_encoder(folder) / CONFIG, hidden_size="wide"), ("hidden_size",)),
    ("with_a_width_of_0", lambda folder: _json(_encoder(folder) / CONFIG, hidden_size=0), ("config.json",)),
    ("with_odd_heads", lambda folder: _json(_encoder(folder) / CONFIG, num_attention_heads=3), ("give",)),
    ("with_fewer_words", lambda folder: _json(_encoder(folder) / CONFIG, vocab_size=7), ("config.json",)),
    ("with_a_broken_tokenizer", lambda folder: (_encoder(folder) / "tokenizer.json").write_text("{"), ("tokenizer",)),
)  # fmt: skip
SCORERS: tuple[tuple[str, Spoil, tuple[str, ...]], ...] = (
    ("head_cut", lambda folder: _cut(folder / HEAD), (HEAD, "give")),
    ("head_of_no_length", lambda folder: (folder / HEAD).write_bytes(b""), (HEAD, "give")),
    ("head_missing", lambda folder: (folder / HEAD).unlink(), (HEAD, "give")),
    ("head_of_other_names", lambda folder: _tensors(folder, _renamed, HEAD), ("head", "give")),
    ("head_of_other_sizes", lambda folder: _tensors(folder, _narrower, HEAD), ("head", "give")),
    ("head_with_nan", lambda folder: _tensors(folder, _nan, HEAD), ("head", "not finite")),
    ("record_no_json", lambda folder: (folder / RECORD).write_text("{"), (RECORD, "JSON")),
    ("record_a_list", lambda folder: (folder / RECORD).write_text("[]"), (RECORD, "kind")),
    ("record_binary", lambda folder: (folder / RECORD).write_bytes(b"\xff\x00"), (RECORD, "JSON")),
    ("record_of_no_kind", lambda folder: _without(folder / RECORD, "kind"), (RECORD, "kind")),
    ("record_kind_a_list", lambda folder: _json(folder / RECORD, kind=["dual"]), (RECORD, "kind")),
    ("record_form_a_list", lambda folder: _json(folder / RECORD, form=[]), (RECORD, "form")),
    ("record_encoders_a_text", lambda folder: _json(folder / RECORD, encoders="query"), (RECORD, "encoders")),
    ("record_encoder_nowhere", lambda folder: _json(folder / RECORD, encoders={"text": "nowhere"}), ("nowhere",)),
    ("record_no_encoders", lambda folder: _json(folder / RECORD, encoders={}), (RECORD, "encoders")),
)  # fmt: skip
ROWS = (
    *(Row(f"weights_{name}", _backbone(spoil), ("backbone", *words), quick=name in ("cut", "without_config"))
      for name, spoil, words in ENCODERS),
    *(Row(f"checkpoint_{name}", _dual(spoil), ("dual", *words)) for name, spoil, words in ENCODERS),
    *(Row(f"teacher_{name}", _late(spoil), ("late", *words)) for name, spoil, words in (ENCODERS[0], *ENCODERS[5:9])),
    *(Row(f"checkpoint_{name}", _dual(spoil), words, quick=name in ("record_no_json", "record_a_list"))
      for name, spoil, words in SCORERS),
    Row("weights_pickled", _backbone(_pickled), ("backbone", "safetensors")),
    Row("weights_a_trap", _backbone(_trap), ("backbone", "safetensors")),
    Row("weights_auto_map", _backbone(_auto_map), ("backbone", "mine"), quick=True),
    Row("weights_in_shards_of_which_one_lacks", _backbone(_two_shards), ("00002-of-00002",)),
    Row("weights_with_another_config", _other_config, ("backbone", "config.json")),
    Row("weights_fifo", _backbone(lambda folder: fifo(folder / WEIGHTS)), ("backbone", "give")),
    Row("weights_config_fifo", _backbone(lambda folder: fifo(folder / CONFIG)), ("config.json", "give")),
    Row("weights_nowhere", ["student.backbone=./nowhere"], ("nowhere", "give"), quick=True),
    Row("weights_empty_name", ["student.backbone="], ("student.backbone", "give")),
    Row("weights_a_file", lambda place: [f"student.backbone={place.file('model.bin', 'x')}"], ("model.bin", "folder")),
    Row("weights_an_empty_folder", lambda place: [f"student.backbone={place.inputs}"], ("inputs", "give")),
    Row("checkpoint_nowhere", ["student.checkpoint=/nowhere/at/all"], ("/nowhere/at/all", "give")),
    Row("checkpoint_of_another_kind", lambda place: ["student=cross_encoder", "student.projection=8",
        f"student.checkpoint={place.goods.late}"], ("projection",)),
    Row("checkpoint_head_asked_away", lambda place: [f"student.checkpoint={place.goods.dual}", "student.projection=4"],
        ("student.projection=4", "8")),
    Row("weights_too_many_layers", ["student.layers=[0,7]"], ("layers", "7")),
    Row("weights_no_layers", ["student.layers=[]"], ("layers", "give")),
    Row("weights_layer_twice", ["student.layers=[0,0]"], ("layers", "give")),
    Row("weights_minus_layers", ["student.layers=-1"], ("layers", "give")),
    Row("weights_0_layers", ["student.layers=0"], ("layers", "give")),
    Row("weights_texts_too_long", ["student.passage_length=100000"], ("passage_length=100000", "512")),
)  # fmt: skip
