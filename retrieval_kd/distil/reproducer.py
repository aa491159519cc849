"""A step that went wrong, saved in a folder so that it can be run again: its batch, and the weights before it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates, StepWeights, Texts
from retrieval_kd.batch.tokens import Tokenisation, Tokens
from retrieval_kd.distil.distiller import Distiller
from retrieval_kd.distil.states import changing_names
from retrieval_kd.errors import UserError

CONFIG = "config.yaml"
_STATE, _ABOUT, _BATCH = "state.ckpt", "step.json", "batch-{}-of-{}.ckpt"
_SMALL = [one.name for one in fields(Candidates) if one.name not in ("texts", "stored", "step_weights")]


class FailedSteps(NamedTuple):
    """Where steps that went wrong are saved, and the training's config, as YAML, to save beside them."""

    folder: Path
    config: str


def write_step(
    failed_steps: FailedSteps,
    batch: Candidates,
    module: Distiller,
    *,
    rank: int,
    processes: int,
    forms: Sequence[Tokenisation],
    about: str,
) -> Path:
    """Saves the batch of one of so many processes, and from the first one what training moves, as it was before the
    step; gives the folder. Tokenisations are numbered as in `forms`. The curriculum's buffers are those from before the
    step.
    """
    folder = failed_steps.folder / f"step-{batch.step + 1}"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(_plain(batch, forms), folder / _BATCH.format(rank, processes))
    if rank == 0:
        names = changing_names(module)
        state = {name: value for name, value in module.state_dict().items() if name in names}
        torch.save(
            {**state, **{f"curriculum.{name}": value for name, value in module.guard.curriculum_before.items()}},
            folder / _STATE,
        )
        told = {"step": batch.step + 1, "processes": processes, "problem": about}
        (folder / _ABOUT).write_text(json.dumps(told) + "\n", encoding="utf-8")
        (folder / CONFIG).write_text(failed_steps.config, encoding="utf-8")
    return folder


def read_step(folder: Path, module: Distiller, forms: Sequence[Tokenisation]) -> tuple[Candidates, str]:
    """The whole step's batch on one process, and what went wrong in it; the module gets the weights before it.

    Raises UserError where the folder holds no such step.
    """
    if not (folder / _ABOUT).exists() or not (folder / _STATE).exists():
        raise UserError(f"{folder}: there is no step in it; give a folder that a training named when it stopped")
    try:
        state = torch.load(folder / _STATE, map_location="cpu", weights_only=True)
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        paths = [folder / _BATCH.format(rank, about["processes"]) for rank in range(about["processes"])]
        parts = [torch.load(path, map_location="cpu", weights_only=True) for path in paths]
        module.load_state_dict(state, strict=False)
    except (OSError, ValueError, KeyError, RuntimeError, EOFError) as error:
        raise UserError(f"{folder} cannot be read ({str(error).splitlines()[0]}); give a whole one") from None
    return _joined(parts, forms), str(about["problem"])


def _plain(batch: Candidates, forms: Sequence[Tokenisation]) -> dict[str, Any]:
    """Tensors, numbers and lists alone."""
    texts = [
        (forms.index(form), None if written.query is None else _tensors(written.query), _tensors(written.passage))
        for form, written in batch.texts.items()
    ]
    small = {name: getattr(batch, name) for name in _SMALL}
    weights = None if batch.step_weights is None else list(batch.step_weights)
    return {"small": small, "stored": dict(batch.stored), "weights": weights, "texts": texts}


def _tensors(tokens: Tokens) -> list[Tensor]:
    return [tokens.ids, tokens.mask, tokens.word, tokens.segment]


def _joined(parts: Sequence[Mapping[str, Any]], forms: Sequence[Tokenisation]) -> Candidates:
    """The batches of all processes as that of one: small fields are the same on each, texts follow each other."""
    first = parts[0]
    texts: dict[Tokenisation, Texts] = {}
    for number, (form, query, _) in enumerate(first["texts"]):
        queries = None if query is None else _one_after_another(part["texts"][number][1] for part in parts)
        texts[forms[form]] = Texts(queries, _one_after_another(part["texts"][number][2] for part in parts))
    weights = None if first["weights"] is None else StepWeights(*first["weights"])
    batch = Candidates(**first["small"], texts=texts, stored=first["stored"], step_weights=weights)
    return replace(batch, first=0, local=len(batch.query_id))


def _one_after_another(parts: Iterable[Sequence[Tensor]]) -> Tokens:
    """Texts of several processes, padded to the longest."""
    listed = list(parts)
    width = max(part[0].shape[-1] for part in listed)
    padded = ([torch.nn.functional.pad(field, (0, width - field.shape[-1])) for field in part] for part in listed)
    return Tokens(*(torch.cat(fields) for fields in zip(*padded, strict=True)))
