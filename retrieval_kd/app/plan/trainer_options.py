"""`machine.trainer`: which arguments of Lightning's Trainer are taken as they are, and what to give instead of others.

Taken is what changes nothing of what is learned (cli/schema.TrainerOptions): the machine is no part of any key.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from retrieval_kd.app.cli.schema import FORMS
from retrieval_kd.app.plan.signatures import parameters

TRAINER = "machine.trainer"
_CLASS = "pytorch_lightning.trainer.trainer.Trainer"
_STEPS = "a training takes optim.steps steps; set that"
_CLIP = "set optim.clip"
_MEASURED = "a training has no validation, test or prediction loop: the stages evaluate, mine and score do that"
_GROUPS = "a step sees data.queries_per_step queries, in groups of optim.tokens_per_group tokens; set these"
INSTEAD = {
    "accelerator": "set machine.accelerator",
    "strategy": "it follows from machine.devices: set that",
    "devices": "set machine.devices",
    "num_nodes": "set machine.nodes",
    "precision": "set optim.precision",
    "logger": "set tracking=wandb, tensorboard or mlflow",
    "callbacks": "set callbacks=lr_monitor or another option of that group",
    "fast_dev_run": "set optim.steps=1",
    "max_epochs": _STEPS,
    "min_epochs": _STEPS,
    "max_steps": _STEPS,
    "min_steps": _STEPS,
    "max_time": f"what ends by the clock is not the same twice; {_STEPS}, or send SIGUSR1 to save and go on later",
    "limit_train_batches": _STEPS,
    "overfit_batches": "it would train on a few queries; give a small corpus and set optim.steps",
    "limit_val_batches": _MEASURED,
    "limit_test_batches": _MEASURED,
    "limit_predict_batches": _MEASURED,
    "val_check_interval": _MEASURED,
    "check_val_every_n_epoch": _MEASURED,
    "num_sanity_val_steps": _MEASURED,
    "inference_mode": _MEASURED,
    "enable_checkpointing": "set save_every",
    "enable_progress_bar": "the bar is shown on a terminal, and lines are logged elsewhere",
    "enable_model_summary": "set callbacks=model_summary",
    "accumulate_grad_batches": _GROUPS,
    "gradient_clip_val": _CLIP,
    "gradient_clip_algorithm": f"gradients are clipped by their norm; {_CLIP}",
    "use_distributed_sampler": "each process draws its own share of a step already",
    "barebones": "it takes away the states to go on from; set machine.trainer.profiler=simple to see where time goes",
    "plugins": "precision and states have theirs: set optim.precision, save_every",
    "sync_batchnorm": "no encoder has batch normalisation",
    "reload_dataloaders_every_n_epochs": "set data.refresh_every",
    "default_root_dir": "set artifacts",
    "enable_autolog_hparams": "a tracker gets the stage's config whatever this says",
    "model_registry": "what is learned lies in the artifact's payload",
}


def unknown_options(options: Any) -> Iterator[str]:
    """A sentence for each key that is not taken."""
    accepted = parameters(FORMS[TRAINER]) or {}
    keys = options if isinstance(options, Mapping) else ()
    yield from (unknown_key(str(key)) for key in keys if key not in accepted)


def trainer_problems(options: Mapping[str, Any]) -> Iterator[str]:
    """What cannot be of the options that are taken."""
    if options.get("log_every_n_steps", 1) < 1:
        yield f"{TRAINER}.log_every_n_steps={options['log_every_n_steps']}: give at least 1"
    if options.get("deterministic") and options.get("benchmark"):
        yield f"{TRAINER}.deterministic and {TRAINER}.benchmark exclude each other: set one of them"


def unknown_key(key: str) -> str:
    """Why a key of `machine.trainer` is not taken, and what to give instead."""
    path, accepted = f"{TRAINER}.{key}", parameters(FORMS[TRAINER]) or {}
    if key in INSTEAD:
        return f"{path} is set by the framework: {INSTEAD[key]}"
    if key in (parameters(_CLASS) or {}):
        return f"{path}: whether it changes what is learned is not known here; there are: {', '.join(accepted)}"
    near = get_close_matches(key, [*accepted, *INSTEAD], n=1, cutoff=0.6)
    meant = f"did you mean {TRAINER}.{near[0]}?" if near else f"there are: {', '.join(accepted)}"
    return f"{path}: Lightning's Trainer has no such argument; {meant}"
