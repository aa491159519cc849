"""Runs a training step that went wrong again: its losses, scores and gradients, as they come out here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from retrieval_kd.app.stages.train import distiller_of, forms_of
from retrieval_kd.errors import UserError

_THROUGHOUT = {"64-true": "float64", "16-true": "float16", "bf16-true": "bfloat16"}  # precisions of weights, too


def replay(folder: Path) -> list[str]:
    """Sentences: what was logged of the step, each term's loss, each role's scores, and the gradient.

    It runs in this process, in the training's precision, with the weights before the step and the same dropout (that of
    the first process for all of the queries). Raises UserError where the folder holds no step.
    """
    import torch

    from retrieval_kd.distil.reproducer import CONFIG, read_step

    if not (folder / CONFIG).exists():
        raise UserError(f"{folder}: there is no step in it; give a folder that a training named when it stopped")
    plain: Any = OmegaConf.to_container(OmegaConf.load(folder / CONFIG), resolve=True)
    module, scorers = distiller_of(plain, {"remember": False}, remembered_in=folder)
    batch, about = read_step(folder, module, forms_of(scorers))
    precision = module.optim.precision
    if precision in _THROUGHOUT:
        module.to(getattr(torch, _THROUGHOUT[precision]))
    module.train()
    half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
    with torch.autocast("cpu", dtype=half.get(precision, torch.bfloat16), enabled=precision in half):
        losses, views = module.losses(batch)
    torch.autograd.backward(torch.stack(list(losses.values())).sum())
    return [f"then: {about}", *_losses_and_scores(losses, views), *_gradients(module)]


def _losses_and_scores(losses: Any, views: Any) -> Iterator[str]:
    for name, loss in losses.items():
        yield f"term {name}: loss {float(loss.detach()):.6g}"
    for role, view in views.items():
        for what, scores in (("scores", view.scores), ("pool", view.pool)):
            if scores is not None:
                yield f"{role}: {what} {_span(scores)}"


def _span(scores: Any) -> str:
    scores = scores.detach()
    finite = scores[scores.isfinite()]
    span = f"from {float(finite.min()):.4g} to {float(finite.max()):.4g}, " if len(finite) else ""
    return f"{span}{scores.numel() - len(finite)} of {scores.numel()} not finite"


def _gradients(module: Any) -> Iterator[str]:
    named = [(name, value.grad) for name, value in module.named_parameters() if value.grad is not None]
    wrong = [name for name, gradient in named if not bool(gradient.isfinite().all())]
    largest = max(named, key=lambda pair: float(pair[1].nan_to_num().norm()), default=None)
    if wrong:
        yield f"gradients: {len(wrong)} of {len(named)} tensors not finite, the first {wrong[0]}"
    elif largest is not None:
        yield f"gradients: all finite, the largest norm {float(largest[1].norm()):.4g} of {largest[0]}"
